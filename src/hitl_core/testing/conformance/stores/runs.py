"""What a store does about runs, leases, decisions, deadlines, stops and the trail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from ....commands import (
    CancelRun,
    EndEffect,
    FinishRun,
    FireTimers,
    GetCheckpoint,
    LiftStop,
    ListRequests,
    ListStops,
    MoveRequest,
    PauseRun,
    Recall,
    Recorded,
    RecordResponse,
    Remember,
    RenewLease,
    SetStop,
    Stop,
    StopScope,
)
from ....errors import (
    AlreadyDecided,
    LeaseLost,
    RequestClosed,
    RequestExpired,
    RequestNotFound,
    Stopped,
)
from ....lifecycle import RequestEvent, RequestState
from ....protocol import Executed, OnTimeout, RunState
from ..expect import expect, expect_that, refuses
from .effects import not_begun
from .suite import store_behaviour
from .world import LEASE, StoreWorld

HOUR = timedelta(hours=1)

STEPS = [
    "run.started",
    "request.opened",
    "run.paused",
    "request.decided",
    "run.claimed",
    "effect.started",
    "effect.executed",
    "run.completed",
]

# ── pauses ───────────────────────────────────────────────────────────────────────────────────────────────────


@store_behaviour("P40")
async def a_pause_and_its_requests_are_one(world: StoreWorld) -> None:
    """Checkpoint, requests and state of the run are there together, also for another handle."""
    run, requests = await world.paused(2)
    other = await world.another()
    found = (await other.fetch(ListRequests())).items
    expect("the requests", [each.request for each in found], requests)
    expect("the checkpoint", await other.fetch(GetCheckpoint(run.id)), {"step": 1})
    expect("the run", run.state, RunState.PAUSED)


@store_behaviour("P40")
async def a_pause_outlives_its_handle(world: StoreWorld) -> None:
    """Closed and opened again, the store has the same run and the same request."""
    run, (request,) = await world.paused()
    await world.reopen()
    found = (await (await world.store()).fetch(ListRequests())).items
    expect("the requests", [each.request for each in found], [request])
    expect("the run", await world.run(run), run)


@store_behaviour("P40")
async def a_request_that_is_known_is_kept(world: StoreWorld) -> None:
    """A pause that is stored a second time, after a crash between two commits, keeps its requests and their answers."""
    run, (request,) = await world.paused()
    await world.answers(request.approve(by="ann"))
    (claimed,) = await world.claims(run)
    again = world.request(claimed)
    await world.pauses(claimed, again)
    expect("requests", (await world.events()).count("request.opened"), 1)
    expect("its state", await world.state(request), RequestState.DECIDED)


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────


@store_behaviour("P43")
async def one_of_many_claims_wins(world: StoreWorld) -> None:
    """Of eight workers that claim at once, one gets the run."""
    run, (request,) = await world.paused()
    await world.answers(request.approve(by="ann"))
    claims = await asyncio.gather(*(world.claims(run, owner=f"worker-{number}") for number in range(8)))
    expect("how many got it", sum(map(len, claims)), 1)


@store_behaviour("P43")
async def a_lease_that_is_over_is_taken_over(world: StoreWorld) -> None:
    """After its lease, a running run goes to the next worker, under a higher fence."""
    old = await world.opens()
    expect("before", await world.claims(), [])
    world.later(LEASE)
    (new,) = await world.claims()
    expect_that("it was interrupted", new.interrupted)
    expect_that("the fence grew", new.lease.fence > old.lease.fence)


@store_behaviour("P43")
async def a_renewed_lease_is_not_taken(world: StoreWorld) -> None:
    """A sign of life keeps the run where it is."""
    claimed = await world.opens()
    world.later(LEASE - 1)
    await world.apply(RenewLease(claimed.lease, LEASE, world.now))
    world.later(LEASE - 1)
    expect("who could take it", await world.claims(), [])


@store_behaviour("P43")
async def who_lost_the_lease_writes_nothing(world: StoreWorld) -> None:
    """Every command of a worker whose lease was taken over is refused."""
    lost = (await world.opens()).lease
    world.later(LEASE)
    await world.claims()
    commands: list[Any] = [
        RenewLease(lost, LEASE, world.now),
        PauseRun(lost, None, (), world.now),
        FinishRun(lost, RunState.COMPLETED, world.now),
        Remember(lost, "key", 1, world.now),
        EndEffect(lost, "pay#1", Executed("paid"), world.now),
    ]
    for command in commands:
        with refuses(type(command).__name__, LeaseLost):
            await world.apply(command)
    with refuses("BeginEffect", LeaseLost):
        await world.begins(lost)


@store_behaviour("P43")
async def a_worker_takes_what_it_can_load(world: StoreWorld) -> None:
    """A claim for other backends or apps gets nothing."""
    run, (request,) = await world.paused()
    await world.answers(request.approve(by="ann"))
    expect("another backend", await world.claims(run, backends=("other",)), [])
    expect("another app", await world.claims(run, apps=("other:app",)), [])
    expect("the right ones", len(await world.claims(run, backends=("any",), apps=("conformance:app",))), 1)


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────


@store_behaviour("P20")
async def each_request_is_won_once(world: StoreWorld) -> None:
    """Two handles answer twenty requests at the same time: each is decided once, and each loser is told."""
    _, requests = await world.paused(20)
    handles = [await world.store(), await world.another()]
    said = [
        handle.apply(RecordResponse(request.approve(by=f"person-{number}"), world.now))
        for request in requests
        for number, handle in enumerate(handles)
    ]
    results = await asyncio.gather(*said, return_exceptions=True)
    expect("won", sum(isinstance(each, Recorded) for each in results), 20)
    expect("lost", sum(isinstance(each, AlreadyDecided) for each in results), 20)
    expect("decisions", (await world.events()).count("request.decided"), 20)


@store_behaviour("P20")
async def the_same_answer_is_replayed(world: StoreWorld) -> None:
    """The identical answer again gets the same result, and nothing is recorded twice."""
    _, (request,) = await world.paused()
    first = await world.answers(request.edit({"order": "A", "amount": 1}, by="ann"))
    again = await world.answers(request.edit({"order": "A", "amount": 1}, by="ann"))
    expect("whether it was known", (first.replayed, again.replayed), (False, True))
    expect("decisions", (await world.events()).count("request.decided"), 1)


@store_behaviour("P20")
async def another_answer_is_refused(world: StoreWorld) -> None:
    """A different answer, also under the same key, is refused with the name of who was first."""
    _, (request,) = await world.paused()
    await world.answers(request.reject("no", by="ann", idempotency_key="k"))
    with refuses("another decision", AlreadyDecided, "'ann'"):
        await world.answers(request.approve(by="ann", idempotency_key="k"))


@store_behaviour("P21")
async def what_is_closed_takes_no_answer(world: StoreWorld) -> None:
    """An answer to what is unknown, superseded or cancelled is refused by name."""
    run, (unknown, superseded, cancelled) = await world.paused(3)
    with refuses("an unknown request", RequestNotFound):
        await world.answers(unknown.approve(by="ann").model_copy(update={"request_id": "nobody"}))
    await world.apply(MoveRequest(superseded.id, RequestEvent.SUPERSEDE, "bob", "", world.now))
    with refuses("a superseded request", RequestClosed):
        await world.answers(superseded.approve(by="ann"))
    await world.apply(CancelRun(run.id, "bob", "", world.now))
    with refuses("a cancelled request", RequestClosed):
        await world.answers(cancelled.approve(by="ann"))


@store_behaviour("P51")
async def an_answer_after_the_deadline_is_late(world: StoreWorld) -> None:
    """An answer at the deadline is refused, whether or not it was fired; one just before is taken."""
    _, (late, early) = await world.paused(2, deadline=world.now + HOUR)
    world.later(3599.999)
    await world.answers(early.approve(by="ann"))
    world.later(0.001)
    with refuses("the late answer", RequestExpired):
        await world.answers(late.approve(by="ann"))


@store_behaviour("P30")
async def a_run_is_ready_when_nothing_in_it_is_open(world: StoreWorld) -> None:
    """Partial answers leave the run paused; the last one makes it ready."""
    _, requests = await world.paused(3)
    states = [(await world.answers(each.approve(by="ann"))).run_state for each in reversed(requests)]
    expect("the run", states, [RunState.PAUSED, RunState.PAUSED, RunState.READY])


@store_behaviour("P62")
async def cancelling_closes_what_is_open(world: StoreWorld) -> None:
    """A cancelled run has no open request, cannot be claimed, and its decisions are not used."""
    run, (open_one, decided) = await world.paused(2)
    await world.answers(decided.approve(by="ann"))
    await world.apply(CancelRun(run.id, "bob", "sold out", world.now))
    expect("the open one", await world.state(open_one), RequestState.CANCELLED)
    expect("who could take it", await world.claims(run), [])


# ── time, stops, journal ─────────────────────────────────────────────────────────────────────────────────────


@store_behaviour("P50")
async def a_deadline_fires_once_whoever_looks(world: StoreWorld) -> None:
    """Not before its time; then once, of eight who look at the same instant; the run goes on."""
    run, requests = await world.paused(5, deadline=world.now + HOUR)
    world.later(3599)
    expect("before", await world.apply(FireTimers(world.now)), ())
    world.later(86_400)
    fired = await asyncio.gather(*(world.apply(FireTimers(world.now)) for _ in range(8)))
    expect("fired", sum(map(len, fired)), len(requests))
    expect("the run", (await world.run(run)).state, RunState.READY)


@store_behaviour("P50")
async def a_deadline_may_cancel_its_run(world: StoreWorld) -> None:
    """Where the request says so, its deadline ends the run."""
    run, _ = await world.paused(2, deadline=world.now + HOUR, on_timeout=OnTimeout.CANCEL_RUN)
    world.later(3600)
    await world.apply(FireTimers(world.now))
    expect("the run", (await world.run(run)).state, RunState.CANCELLED)


@store_behaviour("P60")
async def a_stop_freezes_and_blocks(world: StoreWorld) -> None:
    """Under a stop, what is open is frozen, what was approved does not begin, and nothing new starts."""
    lease, approved = await world.approved()
    _, (waiting,) = await world.paused()
    await world.apply(SetStop(Stop(StopScope.ALL, "", "audit", "bob", world.now)))
    expect("what waits", await world.state(waiting), RequestState.FROZEN)
    await not_begun(world, "an approved call", Stopped, lease, approved)
    with refuses("a new run", Stopped):
        await world.opens()
    with refuses("an answer", RequestClosed):
        await world.answers(waiting.approve(by="ann"))


@store_behaviour("P61")
async def lifting_opens_again_what_no_other_stop_covers(world: StoreWorld) -> None:
    """Of two stops, the second one to be lifted opens what both cover; both acts are in the trail."""
    _, (request,) = await world.paused()
    for scope, target in ((StopScope.ALL, ""), (StopScope.TOOL, "pay")):
        await world.apply(SetStop(Stop(scope, target, "audit", "bob", world.now)))
    await world.reopen()
    expect("the stops", len(await (await world.store()).fetch(ListStops())), 2)
    opened = [
        await world.apply(LiftStop(scope, target, "fine", "bob", world.now))
        for scope, target in ((StopScope.ALL, ""), (StopScope.TOOL, "pay"))
    ]
    expect("how many are open again", opened, [0, 1])
    expect("its state", await world.state(request), RequestState.OPEN)
    expect("the trail", (await world.events()).count("stop.lifted"), 2)


@store_behaviour("P40")
async def what_is_remembered_first_stays(world: StoreWorld) -> None:
    """The journal keeps the first value of a key, and hands it out to whoever comes second."""
    claimed = await world.opens()
    first = await world.apply(Remember(claimed.lease, "model#1", {"said": "pay"}, world.now))
    second = await world.apply(Remember(claimed.lease, "model#1", {"said": "other"}, world.now))
    expect("what both got", [first, second], [{"said": "pay"}] * 2)
    expect("the journal", await (await world.store()).fetch(Recall(claimed.run.id)), {"model#1": {"said": "pay"}})


@store_behaviour("P70")
async def each_step_is_a_line(world: StoreWorld) -> None:
    """The steps of a run are lines of the trail, in order, written with the steps themselves."""
    lease, request = await world.approved()
    await world.begins(lease, request)
    await world.apply(EndEffect(lease, "pay#1", Executed("paid"), world.now))
    await world.apply(FinishRun(lease, RunState.COMPLETED, world.now))
    await world.reopen()
    steps = (
        "run.started request.opened run.paused request.decided run.claimed effect.started effect.executed run.completed"
    )
    expect("the trail", await world.events(), steps.split())


@store_behaviour("P41")
async def a_change_wakes_who_waits(world: StoreWorld) -> None:
    """Whoever waits for a change, through another handle, is woken by it."""
    waiting = await world.another()
    await waiting.changed(timeout=0)
    woken = asyncio.ensure_future(waiting.changed(timeout=60))
    await asyncio.sleep(0)
    await world.opens()
    async with asyncio.timeout(30):
        await woken
