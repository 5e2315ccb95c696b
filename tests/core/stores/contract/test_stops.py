"""SetStop and LiftStop: what is frozen, what is thawed, and that neither happens twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import LiftStop, ListStops, MoveRequest, Stop, StopScope
from hitl_core.errors import RequestClosed, RequestExpired
from hitl_core.lifecycle import IllegalMove, RequestEvent, RequestState
from hitl_core.protocol import Action, Kind, OnTimeout, Origin, PauseRequest, Run, RunState
from tests.core.stores.world import World

MAIL = Action(tool="send_mail", origin=Origin(agent="writer", path=("root",)))


async def lift(world: World, scope: StopScope, target: str = "") -> int:
    return await world.store.apply(LiftStop(scope, target, "fixed", "boss", world.now))


async def two_kinds(world: World) -> tuple[Run, PauseRequest, PauseRequest]:
    """A refund of one tenant and a mail of another, and the run of the refund."""
    run, (refund,) = await world.paused()
    claimed = await world.open(tenant="other")
    mail = world.request(claimed, "mail#1", MAIL)
    await world.pause(claimed, mail)
    return run, refund, mail


@pytest.mark.parametrize(
    ("scope", "target", "covered"),
    [
        (StopScope.ALL, "", "refund mail"),
        (StopScope.TOOL, "refund", "refund"),
        (StopScope.TOOL, "refun", ""),
        (StopScope.TENANT, "other", "mail"),
        (StopScope.AGENT, "writer", "mail"),
        (StopScope.AGENT, "root", "mail"),
        (StopScope.AGENT, "nobody", ""),
        (StopScope.RUN, "nobody", ""),
    ],
)
async def test_a_stop_freezes_what_it_covers_and_its_end_thaws_it(
    world: World, scope: StopScope, target: str, covered: str
) -> None:
    _, refund, mail = await two_kinds(world)
    expected = {"refund": refund, "mail": mail}
    frozen = [expected[name] for name in covered.split()]
    assert await world.stop(scope, target) == len(frozen)
    for request in (refund, mail):
        assert (await world.state(request) is RequestState.FROZEN) == (request in frozen)
    assert await lift(world, scope, target) == len(frozen)
    assert {await world.state(each) for each in (refund, mail)} == {RequestState.OPEN}


async def test_a_stop_of_one_run(world: World) -> None:
    run, refund, mail = await two_kinds(world)
    assert await world.stop(StopScope.RUN, run.id) == 1
    assert [await world.state(each) for each in (refund, mail)] == [RequestState.FROZEN, RequestState.OPEN]


async def test_what_another_stop_covers_stays_frozen(world: World) -> None:
    _, refund, mail = await two_kinds(world)
    await world.stop(StopScope.ALL)
    await world.stop(StopScope.AGENT, "writer")
    assert await lift(world, StopScope.ALL) == 1
    assert [await world.state(each) for each in (refund, mail)] == [RequestState.OPEN, RequestState.FROZEN]
    assert await lift(world, StopScope.AGENT, "writer") == 1


async def test_lifting_twice_is_harmless_and_said_once(world: World) -> None:
    await world.paused()
    await world.stop(StopScope.ALL)
    assert await lift(world, StopScope.ALL) == 1
    assert await lift(world, StopScope.ALL) == 0
    assert (await world.events()).count("stop.lifted") == 1


async def test_stopping_twice_freezes_once_and_keeps_the_later_reason(world: World) -> None:
    await world.paused()
    assert await world.stop(StopScope.ALL) == 1
    world.later(1)
    assert await world.stop(StopScope.ALL) == 0
    assert await world.store.fetch(ListStops()) == (Stop(StopScope.ALL, "", "too fast", "boss", world.now),)


async def test_stops_are_listed_oldest_first(world: World) -> None:
    for scope, target in ((StopScope.TOOL, "z"), (StopScope.RUN, "a"), (StopScope.AGENT, "m")):
        await world.stop(scope, target)
        world.later(1)
    assert [stop.target for stop in await world.store.fetch(ListStops())] == ["z", "a", "m"]


async def test_of_many_stops_those_that_cover_a_run_or_an_action_are_found(world: World) -> None:
    """Oldest first, whatever is in force elsewhere, for as many agents as an action goes through."""
    for number in range(20):
        await world.stop(tuple(StopScope)[number % 4], f"other-{number}")
    run = (await world.open()).run
    covering = [(StopScope.TOOL, "refund"), (StopScope.AGENT, "root"), (StopScope.RUN, run.id), (StopScope.TENANT, "t")]
    for scope, target in (*covering, (StopScope.ALL, "")):
        world.later(1)
        await world.stop(scope, target)
    agents = (*(f"agent-{number}" for number in range(600)), "root")
    action = await world.store.fetch(ListStops(run.id, "t", "refund", agents))
    assert [(stop.scope, stop.target) for stop in action] == [*covering, (StopScope.ALL, "")]
    whole = await world.store.fetch(ListStops(run.id, "default"))
    assert [(stop.scope, stop.target) for stop in whole] == [(StopScope.RUN, run.id), (StopScope.ALL, "")]


async def test_decided_requests_and_notices_are_not_frozen(world: World) -> None:
    claimed = await world.open()
    notice = world.request(claimed, "mail#1", MAIL, kind=Kind.NOTICE, allowed=())
    decided, opened = world.request(claimed, "refund#1"), world.request(claimed, "refund#2")
    await world.pause(claimed, notice, decided, opened)
    await world.answer(decided.approve(by="ann"))
    assert await world.stop(StopScope.ALL) == 1
    states = [await world.state(each) for each in (notice, decided, opened)]
    assert states == [RequestState.OPEN, RequestState.DECIDED, RequestState.FROZEN]


# ── under a stop ─────────────────────────────────────────────────────────────────────────────────────────────


async def window(world: World, **more: Any) -> tuple[Run, PauseRequest]:
    """A run that goes on by itself in a minute unless somebody objects."""
    deadline = world.now + timedelta(seconds=60)
    run, (request,) = await world.paused(veto=True, deadline=deadline, on_timeout=OnTimeout.PROCEED, **more)
    return run, request


@pytest.mark.parametrize("by_hand", [False, True])
async def test_a_window_that_ends_in_a_yes_stands_still_under_a_stop(world: World, by_hand: bool) -> None:
    async def turn(event: RequestEvent) -> None:
        if by_hand:
            await world.store.apply(MoveRequest(request.id, event, "boss", "look", world.now))
        else:
            await (world.stop if event is RequestEvent.FREEZE else lambda scope: lift(world, scope))(StopScope.ALL)

    _, request = await window(world)
    world.later(50)
    for _ in range(2):  # what was left after the first stop is left after the second
        await turn(RequestEvent.FREEZE)
        world.later(3600)
        assert await world.fire() == []
        await turn(RequestEvent.THAW)
        world.later(4)
        assert await world.fire() == []
    world.later(2)
    assert await world.fire() == [request.id]


async def test_a_window_that_was_over_before_the_stop_is_over_after_it(world: World) -> None:
    _, request = await window(world)
    world.later(61)
    await world.stop(StopScope.ALL)
    with pytest.raises(RequestExpired):
        await world.answer(request.reject(by="ann"), event=RequestEvent.VETO)
    await lift(world, StopScope.ALL)
    assert await world.fire() == [request.id]


async def test_a_window_that_is_opened_under_a_stop_has_all_its_time_left(world: World) -> None:
    await world.stop(StopScope.TOOL, "refund")
    _, request = await window(world)
    world.later(3600)
    await lift(world, StopScope.TOOL, "refund")
    world.later(59)
    assert await world.fire() == []
    world.later(1)
    assert await world.fire() == [request.id]


@pytest.mark.parametrize("event", [RequestEvent.VETO, RequestEvent.REFUSE])
async def test_a_refusal_is_taken_under_a_stop(world: World, event: RequestEvent) -> None:
    run, request = await window(world)
    await world.stop(StopScope.ALL)
    world.later(3600)
    with pytest.raises(RequestClosed, match="takes a refusal or a cancellation and nothing else"):
        await world.answer(request.approve(by="ann"))
    with pytest.raises(IllegalMove, match=f"'approve' cannot {event} a request"):
        await world.answer(request.approve(by="ann"), event=event)
    recorded = await world.answer(request.reject(by="ann"), event=event)
    vetoed = event is RequestEvent.VETO
    assert recorded.settled.state is (RequestState.VETOED if vetoed else RequestState.DECIDED)
    assert (recorded.run_state, await world.claims()) == (RunState.READY, [])
    assert await lift(world, StopScope.ALL) == 0
    assert (await world.fire(), await world.claims()) == ([], [run.id])


async def test_a_run_can_be_cancelled_through_a_frozen_request(world: World) -> None:
    run, (request,) = await world.paused()
    await world.stop(StopScope.ALL)
    recorded = await world.answer(request.cancel("enough", by="ann"), event=RequestEvent.REFUSE)
    assert (recorded.run_state, await world.run_state(run)) == (RunState.CANCELLED, RunState.CANCELLED)


async def test_a_refusal_that_is_late_is_late_under_a_stop_too(world: World) -> None:
    """Its deadline refuses anyway; only a window that ends in a yes stands still."""
    _, (request,) = await world.paused(deadline=world.now + timedelta(seconds=60))
    await world.stop(StopScope.ALL)
    world.later(61)
    with pytest.raises(RequestExpired):
        await world.answer(request.reject(by="ann"), event=RequestEvent.REFUSE)
