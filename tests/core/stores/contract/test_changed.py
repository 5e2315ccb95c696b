"""changed(): wakes whoever waits, in this handle or another, and misses nothing."""

from __future__ import annotations

import asyncio

import pytest

from hitl_core.contracts import Store
from tests.core.stores.conftest import Open
from tests.core.stores.world import World

LONG = 60.0


async def settle(store: Store) -> None:
    """Let what has happened so far be seen, so that only what comes next wakes us."""
    await store.changed(timeout=0)


async def test_it_returns_after_its_time_when_nothing_happens(world: World) -> None:
    await settle(world.store)
    async with asyncio.timeout(LONG):
        await world.store.changed(timeout=0.01)


async def test_a_change_wakes_everybody_who_waits(world: World) -> None:
    await settle(world.store)
    waiting = [asyncio.ensure_future(world.store.changed(timeout=LONG)) for _ in range(3)]
    await asyncio.sleep(0)
    await world.open()
    async with asyncio.timeout(LONG / 2):
        await asyncio.gather(*waiting)


async def test_a_change_between_looking_and_waiting_is_not_missed(world: World) -> None:
    await settle(world.store)
    await world.open()
    async with asyncio.timeout(LONG / 2):
        await world.store.changed(timeout=LONG)


async def test_each_task_misses_nothing_even_if_another_was_told(world: World) -> None:
    told = asyncio.Event()

    async def slow() -> None:
        await world.store.changed(timeout=0)
        told.set()
        await asyncio.wait({asyncio.ensure_future(quick())})
        await world.store.changed(timeout=LONG)

    async def quick() -> None:
        await told.wait()
        await world.open()
        await world.store.changed(timeout=LONG)

    async with asyncio.timeout(LONG / 2):
        await asyncio.create_task(slow())


async def test_a_change_through_another_handle_wakes(make_shared_store: Open) -> None:
    one, other = await make_shared_store(), await make_shared_store()
    await settle(one)
    waiting = asyncio.ensure_future(one.changed(timeout=LONG))
    await asyncio.sleep(0)
    await World(other).open()
    async with asyncio.timeout(LONG / 2):
        await waiting


async def test_who_stops_waiting_leaves_nothing_behind(world: World) -> None:
    await settle(world.store)
    waiting = asyncio.ensure_future(world.store.changed(timeout=LONG))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await world.open()
    async with asyncio.timeout(LONG / 2):
        await world.store.changed(timeout=LONG)
