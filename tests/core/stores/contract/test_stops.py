"""SetStop and LiftStop: what is frozen, what is thawed, and that neither happens twice."""

from __future__ import annotations

import pytest

from hitl_core.commands import LiftStop, ListStops, Stop, StopScope
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Action, Kind, Origin, PauseRequest, Run
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


async def test_decided_requests_and_notices_are_not_frozen(world: World) -> None:
    claimed = await world.open()
    notice = world.request(claimed, "mail#1", MAIL, kind=Kind.NOTICE, allowed=())
    decided, opened = world.request(claimed, "refund#1"), world.request(claimed, "refund#2")
    await world.pause(claimed, notice, decided, opened)
    await world.answer(decided.approve(by="ann"))
    assert await world.stop(StopScope.ALL) == 1
    states = [await world.state(each) for each in (notice, decided, opened)]
    assert states == [RequestState.OPEN, RequestState.DECIDED, RequestState.FROZEN]
