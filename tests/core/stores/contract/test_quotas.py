"""How often an agent may ask people: counted by the commit that asks, for each agent and tenant by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import Claimed, GetCheckpoint
from hitl_core.protocol import Action, AuditEvent, Kind, Level, Origin, Run, RunState
from tests.core.stores.world import World


async def asks(world: World, count: int = 1, *, most: int = 2, agent: str | None = None, **more: Any) -> Run:
    """A new run that wants to ask so often; `more` is the run's."""
    return await paused(world, await world.open(**more), count, most=most, agent=agent)


async def paused(world: World, claimed: Claimed, count: int = 1, *, most: int = 2, agent: str | None = None) -> Run:
    action = Action(tool="refund", origin=Origin(agent=agent))
    return await world.pause(claimed, *[world.request(claimed, f"c{n}", action) for n in range(count)], most=most)


async def test_who_asks_too_much_waits_and_nothing_of_it_is_stored(world: World) -> None:
    first, second = await asks(world), await asks(world)
    held = await asks(world)
    assert [run.state for run in (first, second, held)] == [RunState.PAUSED, RunState.PAUSED, RunState.READY]
    assert held.pending == ()
    assert held.retry_at == world.now + timedelta(minutes=1)
    assert "'desk:app' has asked people 2 times within a minute; its quota is 2" in held.error
    assert (await world.events(held))[-1] == AuditEvent.RUN_HELD_BACK
    assert await world.store.fetch(GetCheckpoint(held.id)) is None


async def test_it_is_let_in_when_its_time_has_come_and_that_was_no_try(world: World) -> None:
    await asks(world, 2)
    held = await asks(world)
    assert await world.claims() == []
    world.later(60)
    claimed = await world.claim()
    assert (claimed.run.id, claimed.run.tries, claimed.first) == (held.id, 1, True)
    run = await paused(world, claimed)
    assert (run.state, run.error, len(run.pending)) == (RunState.PAUSED, "", 1)


async def test_as_many_are_let_in_with_each_minute_as_may_ask(world: World) -> None:
    await asks(world, 2)
    held = [await asks(world) for _ in range(5)]
    minutes = [round((run.retry_at - world.now).total_seconds() / 60) for run in held if run.retry_at]
    assert minutes == [1, 1, 2, 2, 3]
    world.later(60)
    assert (await asks(world, 2)).state is RunState.PAUSED
    assert (await asks(world)).retry_at == world.now + timedelta(minutes=2)  # three of the five are still to come


async def test_agents_and_tenants_have_each_their_own(world: World) -> None:
    await asks(world, 2, agent="clerk")
    assert (await asks(world, agent="clerk")).state is RunState.READY
    assert (await asks(world, agent="other")).state is RunState.PAUSED
    assert (await asks(world, agent="clerk", tenant="elsewhere")).state is RunState.PAUSED
    assert (await asks(world, agent="clerk", app="another:app")).state is RunState.PAUSED


async def test_a_pause_that_no_minute_has_room_for_fails_and_says_so(world: World) -> None:
    run = await asks(world, 3)
    assert (run.state, run.retry_at, run.pending) == (RunState.FAILED, None, ())
    assert "'desk:app' asks people 3 times at once; its quota is 2" in run.error
    assert (await asks(world, 2)).state is RunState.PAUSED  # it has used up nothing


async def test_what_was_asked_before_is_not_counted_again_and_what_is_in_doubt_is_always_asked(world: World) -> None:
    claimed = await world.open()
    one, two = world.request(claimed, "one"), world.request(claimed, "two")
    run = await world.pause(claimed, one, two, most=2)
    await world.answer(one.approve(by="ann"))
    await world.answer(two.approve(by="ann"))
    again = await world.claim(run)
    doubt = world.request(again, "three", in_doubt=True)
    notice = world.request(again, "four", kind=Kind.NOTICE, level=Level.NOTIFY)
    run = await world.pause(again, one, two, doubt, notice, most=2)
    assert [request.id for request in run.pending] == [doubt.id]


async def test_without_a_quota_nothing_is_counted(world: World) -> None:
    assert (await asks(world, 50, most=0)).state is RunState.PAUSED
    assert (await asks(world, 2)).state is RunState.PAUSED


async def test_who_asks_at_the_same_time_is_counted_too(world: World) -> None:
    """Fails if the row is read before it is locked."""
    claimed = [await world.open() for _ in range(12)]
    runs = await asyncio.gather(*[paused(world, each, most=5) for each in claimed])
    assert [run.state for run in runs].count(RunState.PAUSED) == 5


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_a_pause_of_several_agents_is_let_in_whole_or_not_at_all(world: World, order: tuple[str, str]) -> None:
    await asks(world, 2, agent="b")
    claimed = await world.open()
    both = [world.request(claimed, name, Action(tool="t", origin=Origin(agent=name))) for name in order]
    assert (await world.pause(claimed, *both, most=2)).state is RunState.READY
    assert (await asks(world, 2, agent="a")).state is RunState.PAUSED
