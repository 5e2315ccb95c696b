"""What whoever runs a store in a file does to it as a whole."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from hitl_core.commands import FinishRun, ListCompactable
from hitl_core.errors import StoreUnavailable
from hitl_core.protocol import RunState
from hitl_core.runtime import Compacted, compact
from hitl_core.stores.sql.upkeep import Kind
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.upkeep import SqliteUpkeep
from tests.core.stores.world import World


async def test_what_is_old_enough_is_compacted_and_its_room_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    world = World(await SqliteStore.open(path))
    for _ in range(3):
        claimed = await world.open()
        await world.pause(claimed, checkpoint={"said": [str(number) for number in range(20_000)]})
        claimed = await world.claim()
        await world.store.apply(FinishRun(claimed.lease, RunState.COMPLETED, world.now))
    kept = timedelta(days=1)
    assert await compact(world.store, kept, world.now) == Compacted(0, 0)
    assert await compact(world.store, kept, world.later(2 * 86_400)) == Compacted(3, 3)
    assert await compact(world.store, kept, world.now) == Compacted(0, 0)
    space = SqliteUpkeep.of(path).reclaim()
    assert space.after + 50_000 < space.before
    assert path.stat().st_size == space.after
    assert (await world.events()).count("run.compacted") == 3
    await world.store.close()


async def test_a_damaged_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    await World(store).paused()
    await store.close()
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 20] = b"\xff" * 4096 * 18
    path.write_bytes(data)
    with pytest.raises(StoreUnavailable, match="damaged"):
        SqliteUpkeep.of(path).reclaim()
    assert path.read_bytes() == data


async def test_a_check_goes_as_far_as_it_can_read(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    await World(store).paused()
    await store.close()
    assert SqliteUpkeep.of(path).check() == ()
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 20] = b"\xff" * 4096 * 18
    path.write_bytes(data)
    found = SqliteUpkeep.of(path).check()
    assert {each.kind for each in found} == {Kind.DAMAGED}
    assert "the file cannot be read any further" in found[-1].message


async def test_a_check_says_what_the_file_itself_says(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    await World(store).paused()
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("""UPDATE sqlite_schema SET sql = replace(sql, 'state = ''open'' AND waits = 1',
            'state = ''open'' AND waits = 0') WHERE name = 'hitl_inbox'""")
    found = SqliteUpkeep.of(path).check()
    assert found[0].kind is Kind.DAMAGED
    assert found[0].message.startswith("the file: ")


async def test_more_runs_than_are_listed_at_once_are_all_compacted(tmp_path: Path) -> None:
    world = World(await SqliteStore.open(tmp_path / "desk.db"))
    for _ in range(101):
        await world.pause(await world.open())
        await world.store.apply(FinishRun((await world.claim()).lease, RunState.COMPLETED, world.now))
    assert await compact(world.store, timedelta(days=1), world.later(2 * 86_400)) == Compacted(101, 101)
    assert (await world.store.fetch(ListCompactable(world.now))).items == ()
    await world.store.close()


def test_nothing_is_open_between_two_calls(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    SqliteStore.open_blocking(path).close_blocking()
    upkeep, before = SqliteUpkeep.of(path), os.listdir("/dev/fd")
    for _ in range(3):
        upkeep.migrate()
        upkeep.reclaim()
        with upkeep.leaving():
            pass
    assert os.listdir("/dev/fd") == before
