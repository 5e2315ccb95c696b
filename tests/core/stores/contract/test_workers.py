"""BeatWorker, ForgetWorker, ListWorkers, NextDue: who is there, and when something is due by itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

from hitl_core.commands import Beat, BeatWorker, ForgetWorker, ListWorkers, Loads, NextDue, SeenWorker
from hitl_core.stores.sql.commands.workers import KEPT
from hitl_core.testing.clock import START
from tests.core.stores.conftest import Open
from tests.core.stores.world import World

BEAT = Beat("host/1/2/a", START, Loads("plain", "desk:app", "2", ("1",), ("f",)), places=4)


async def beats(world: World, beat: Beat, seconds: float = 30) -> None:
    await world.store.apply(BeatWorker(beat, seconds, world.now))


async def test_a_worker_is_seen_and_ends(world: World) -> None:
    await beats(world, BEAT)
    world.later(10)
    busy = replace(BEAT, busy=3, ending=True)
    await beats(world, busy)
    seen = SeenWorker(busy, world.now, world.now + timedelta(seconds=30))
    assert await world.store.fetch(ListWorkers()) == (seen,)
    await world.store.apply(ForgetWorker(BEAT.worker, world.now))
    assert await world.store.fetch(ListWorkers()) == ()
    assert await world.events() == []


async def test_who_has_died_is_shown_for_a_while_and_then_forgotten(world: World) -> None:
    await beats(world, BEAT)
    world.later(30 + KEPT.total_seconds())
    other = replace(BEAT, worker="host/1/2/b")
    await beats(world, other)
    assert [each.beat.worker for each in await world.store.fetch(ListWorkers())] == [BEAT.worker, other.worker]
    world.later(0.001)
    await beats(world, other)
    assert [each.beat for each in await world.store.fetch(ListWorkers())] == [other]


async def test_what_is_due_next(world: World) -> None:
    assert await world.store.fetch(NextDue()) is None
    claimed = await world.open(lease_seconds=30)
    assert await world.store.fetch(NextDue()) == world.now + timedelta(seconds=30)
    deadline = world.now + timedelta(seconds=20)
    await world.pause(claimed, world.request(claimed, deadline=deadline))
    assert await world.store.fetch(NextDue()) == deadline
    world.later(20)
    await world.fire()
    assert await world.store.fetch(NextDue()) is None


def test_what_a_worker_can_load() -> None:
    run = {"backend": "plain", "app": "desk:app", "version": "1", "format": "f"}
    anything = Loads("plain", "desk:app")
    assert anything.takes(**run)
    assert not anything.takes(**run | {"backend": "other"})
    assert not anything.takes(**run | {"app": "other"})
    second = Loads("plain", "desk:app", "2", formats=("g", "f"))
    assert not second.takes(**run)
    assert second.takes(**run | {"version": "2"})
    assert second.takes(**run | {"version": "", "format": ""})
    assert not second.takes(**run | {"version": "2", "format": "h"})
    assert replace(second, resumes=("1",)).takes(**run)
    assert replace(second, resumes=("*",)).takes(**run)


async def test_a_sign_of_life_wakes_nobody(make_shared_store: Open) -> None:
    world, other = World(await make_shared_store()), await make_shared_store()
    await other.changed(timeout=0)
    waiting = asyncio.ensure_future(other.changed(timeout=0.4))
    began = time.monotonic()
    await beats(world, BEAT)
    await waiting
    assert time.monotonic() - began > 0.3
    waiting = asyncio.ensure_future(other.changed(timeout=60))
    await world.open()
    async with asyncio.timeout(30):
        await waiting
