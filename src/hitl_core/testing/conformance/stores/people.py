"""P24, P52, P61, P82 for stores: votes, who is asked and who lifts, and what has begun before."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from ....commands import (
    Counted,
    DeferRequest,
    FireTimers,
    LiftStop,
    ListAssigned,
    ListRequests,
    ListStops,
    PruneHistory,
    ReadHistory,
    SetStop,
    Stop,
    StopScope,
)
from ....errors import AlreadyDecided, HistoryMoved, NotAuthorised, NotPermitted
from ....lifecycle import RequestState
from ....policy import Past, Question, Tally
from ....protocol import Approvers, Escalation, Responder, Stage, sha256
from ..expect import expect, refuses
from .suite import store_behaviour
from .world import StoreWorld

REFUNDS = Question(sha256(b"refunds"), sha256(b"ann"), timedelta(hours=1))


@store_behaviour("P24")
async def enough_people_decide_and_the_last_one_wakes_the_run(world: StoreWorld) -> None:
    """Each person counts once; of many at once the last one that is needed decides."""
    _, (request,) = await world.paused(approvers=Approvers(quorum=4))
    said = await asyncio.gather(*(world.answers(request.approve(by=f"person-{n}")) for n in range(4)))
    expect("the states", sorted(each.settled.state for each in said), ["decided", "open", "open", "open"])
    with refuses("a fifth vote", AlreadyDecided):
        await world.answers(request.approve(by="person-5"))


@store_behaviour("P24")
async def stages_have_their_turn(world: StoreWorld) -> None:
    """Whoever belongs to a later stage is refused before it."""
    stages = (Stage(roles=("lead",)), Stage(roles=("finance",)))
    _, (request,) = await world.paused(approvers=Approvers(stages=stages))
    with refuses("finance before its time", NotAuthorised):
        await world.answers(request.approve(by="fay", roles=("finance",)))
    await world.answers(request.approve(by="mia", roles=("lead",)))
    said = await world.answers(request.approve(by="fay", roles=("finance",)))
    expect("its state", said.settled.state, RequestState.DECIDED)


@store_behaviour("P24")
async def votes_for_another_action_are_dropped(world: StoreWorld) -> None:
    """An edit is a vote for the edited action, and the votes before it count no more."""
    _, (request,) = await world.paused(approvers=Approvers(quorum=2))
    await world.answers(request.approve(by="ann"))
    said = await world.answers(request.edit({"order": "A-1042", "amount": 1.5}, by="bob"))
    expect("the votes", [each.responder.id for each in said.settled.votes], ["bob"])
    expect("its state", said.settled.state, RequestState.OPEN)


@store_behaviour("P24")
async def when_an_answer_came_is_the_time_of_its_recording(world: StoreWorld) -> None:
    """Whatever time stands in the answer: who was asked by then is judged by it when the call begins."""
    _, (request,) = await world.paused()
    expect("an open request", (await world.settled(request)).recorded_at, None)
    world.later(60)
    said = await world.answers(request.approve(by="ann", at=world.now + timedelta(days=1)))
    expect("as it is recorded", said.settled.recorded_at, world.now)
    world.later(60)
    found = (await world.settled(request)).recorded_at
    expect("as it is read", found, world.now - timedelta(seconds=60))


@store_behaviour("P52")
async def what_is_given_on_is_asked_of_somebody_else(world: StoreWorld) -> None:
    """Who may answer is judged where the answer is recorded: of an approval and a hand-over at once, one counts."""
    _, (request,) = await world.paused(approvers=Approvers(users=("ann",)))
    said = await world.answers(request.delegate("bob", by="ann"))
    expect("its state", said.settled.state, RequestState.OPEN)
    expect("what is asked", said.settled.request, request)
    for late in (request.approve(by="ann"), request.reject(by="ann")):
        with refuses("who gave it on", NotAuthorised):
            await world.answers(late)
    said = await world.answers(request.approve(by="bob"))
    expect("its state", said.settled.state, RequestState.DECIDED)


@store_behaviour("P52")
async def what_is_put_off_comes_back_once(world: StoreWorld) -> None:
    """It is not in the inbox until its time, then it is, whoever looks; only who is asked puts it off."""
    _, (request,) = await world.paused(approvers=Approvers(users=("ann",)))
    store, until = await world.store(), world.now + timedelta(seconds=60)
    with refuses("a stranger", NotAuthorised):
        await store.apply(DeferRequest(request.id, until, Responder(id="carl"), world.now))
    await store.apply(DeferRequest(request.id, until, Responder(id="ann"), world.now))
    expect("the inbox", (await store.fetch(ListRequests(awake=True))).items, ())
    world.later(60)
    fired = await asyncio.gather(*(world.apply(FireTimers(world.now)) for _ in range(8)))
    expect("fired", sum(map(len, fired)), 1)
    (seen,) = (await store.fetch(ListRequests(awake=True))).items
    expect("what is asked", seen.request, request)


@store_behaviour("P52")
async def an_inbox_is_of_the_apps_that_are_looked_at(world: StoreWorld) -> None:
    """Requests of other apps of the store are left out where somebody asks for that, and not otherwise."""
    _, (own,) = await world.paused()
    claimed = await world.opens(app="conformance:another")
    await world.pauses(claimed, world.request(claimed))
    store, another = await world.store(), ("any", "conformance:another")
    for query, count in (
        (ListRequests(), 2),
        (ListRequests(not_of=(another,)), 1),
        (ListRequests(not_of=(("no", "app"),)), 2),
    ):
        found = (await store.fetch(query)).items
        expect(f"what waits besides {query.not_of}", len(found), count)
        expect("the oldest", found[0].request, own)


@store_behaviour("P61")
async def another_person_lifts_a_stop(world: StoreWorld) -> None:
    """Who put a stop in force is read where it is lifted, and a refusal leaves it in force."""
    store = await world.store()
    await store.apply(SetStop(Stop(StopScope.ALL, "", "audit", "ann", world.now)))
    with refuses("the same person", NotPermitted):
        await store.apply(LiftStop(StopScope.ALL, "", "fine", "ann", world.now, by_another=True))
    expect("the stops", len(await store.fetch(ListStops())), 1)
    await store.apply(LiftStop(StopScope.ALL, "", "fine", "bob", world.now, by_another=True))
    expect("the stops", await store.fetch(ListStops()), ())


@store_behaviour("P52")
async def who_is_asked_changes_once_and_what_is_asked_does_not(world: StoreWorld) -> None:
    """An escalation fires once, whoever looks, and puts the request into the inbox of those who are asked."""
    later = (Escalation(after_seconds=60, roles=("lead",)),)
    _, (request,) = await world.paused(approvers=Approvers(users=("ann",)), escalation=later)
    world.later(60)
    fired = await asyncio.gather(*(world.apply(FireTimers(world.now)) for _ in range(8)))
    expect("fired", sum(map(len, fired)), 1)
    (seen,) = (await (await world.store()).fetch(ListRequests(roles=("lead",)))).items
    expect("what is asked", seen.request, request)


@store_behaviour("P82")
async def of_many_who_knew_the_same_past_one_begins(world: StoreWorld) -> None:
    """What has begun is counted in the transaction that begins it, and whoever knew less is refused."""
    counted = (Counted(Tally(REFUNDS, Decimal("0.1")), Past()),)
    leases = [(await world.opens()).lease for _ in range(8)]
    tries = (world.begins(lease, counted=counted) for lease in leases)
    begun = await asyncio.gather(*tries, return_exceptions=True)
    expect("refused", sum(isinstance(each, HistoryMoved) for each in begun), 7)
    read = ReadHistory((REFUNDS,), "", "", world.now)
    expect("what is known", await (await world.store()).fetch(read), (Past(1, Decimal("0.1")),))


@store_behaviour("P52")
async def whoever_was_assigned_has_had_their_turn(world: StoreWorld) -> None:
    """A request that is assigned notes for each of its people when that was, apart by tenant; a reassigned one too."""
    everybody = ("ann", "ben", "cyn", "dan")
    store = await world.store()
    next_one = Escalation(after_seconds=60, users=("cyn",), instead=True, reassign=True)
    asked = Approvers(users=("ann", "ben"), quorum=2, assign=True)
    await world.paused(approvers=asked, escalation=(next_one,))
    began = {"ann": world.now, "ben": world.now}
    expect("who had a turn", await store.fetch(ListAssigned(everybody, "default")), began)
    await world.paused(approvers=Approvers(users=("dan",)))
    world.later(60)
    await store.apply(FireTimers(world.now))
    expect("who had one then", await store.fetch(ListAssigned(everybody, "default")), {**began, "cyn": world.now})
    expect("elsewhere", await store.fetch(ListAssigned(everybody, "elsewhere")), {})


@store_behaviour("P82")
async def what_is_pruned_lies_before_every_look(world: StoreWorld) -> None:
    """A little at a time, the place to go on comes back; what is younger stays, and so does every other series."""
    other = Question(sha256(b"mails"), sha256(b"ann"), timedelta(days=30))
    for number, key in enumerate((b"ann", b"bob", b"ann")):
        asked = Question(REFUNDS.series, sha256(key), timedelta(days=30))
        known = await (await world.store()).fetch(ReadHistory((asked, other), "", "", world.now))
        counted = [Counted(Tally(each, Decimal(1)), past) for each, past in zip((asked, other), known, strict=True)]
        await world.begins((await world.opens()).lease, counted=tuple(counted), call=f"pay#{number}")
        world.later(86_400)
    after, steps = "", 0
    while steps == 0 or after:
        after = await world.apply(PruneHistory(REFUNDS.series, world.now - timedelta(days=2), after, 1))
        steps += 1
    both = tuple(replace(REFUNDS, key=sha256(key), within=timedelta(days=30)) for key in (b"ann", b"bob"))
    found = await (await world.store()).fetch(ReadHistory((*both, other), "", "", world.now))
    expect("what is known", found, (Past(1, Decimal(1)), Past(), Past(3, Decimal(3))))
