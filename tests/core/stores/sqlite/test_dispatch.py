"""Every command and every query has its function."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from hitl_core import commands
from hitl_core.commands import ClaimRuns, Command, FireTimers, Query
from hitl_core.stores.sql.dispatch import COMMANDS, IDLE, QUERIES
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import World


def kinds(parent: type) -> set[type]:
    found = {each for _, each in inspect.getmembers(commands, inspect.isclass) if issubclass(each, parent)}
    return found - {parent}


def test_the_tables_are_total() -> None:
    assert set(COMMANDS) == kinds(Command)
    assert set(QUERIES) == kinds(Query)
    assert set(IDLE) <= set(COMMANDS)


@pytest.mark.parametrize("command", [FireTimers, ClaimRuns])
async def test_looking_for_nothing_writes_nothing(tmp_path: Path, command: Any) -> None:
    store = await SqliteStore.open(tmp_path / "desk.db")
    world = World(store)
    await world.paused()
    await store.changed(timeout=0)
    path = tmp_path / "desk.db-wal"
    before = path.stat().st_size
    asked = FireTimers(world.now) if command is FireTimers else ClaimRuns("w", 30, world.now)
    assert await store.apply(asked) == store.apply_blocking(asked) == ()
    assert path.stat().st_size == before
    await store.close()
