"""Scenario 9: killed while the tables are made or changed, at each statement, on both stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from hitl_core.protocol import AuditEvent
from hitl_core.stores.postgres import store as pg_store
from hitl_core.stores.postgres.server import schema as pg_schema
from hitl_core.stores.sqlite import parts as sqlite_parts
from hitl_core.stores.sqlite.file import schema as sqlite_schema
from hitl_core.testing.crashing import die
from hitl_core.testing.processes import Order, Processes
from tests.core.stores.world import World
from tests.faults.checker import faults, left
from tests.faults.places import Place
from tests.faults.scenarios import FULL, scenario

pytestmark = pytest.mark.processes

NEXT = (
    "CREATE TABLE hitl_extra (key BIGINT PRIMARY KEY, run TEXT)",
    "ALTER TABLE hitl_runs ADD COLUMN extra TEXT",
    "UPDATE hitl_runs SET extra = 'old'",
    "INSERT INTO hitl_extra SELECT key, extra FROM hitl_runs",
)
"""What a later release could do: new tables, a new column, and rows that move."""

Shape = list[Any]


# ── in a process ─────────────────────────────────────────────────────────────────────────────────────────────


def opens(place: list[str], later: bool, dies_at: int = 0) -> int:
    """Open the store, as this release or the later one, or be killed at that statement. How many it took."""
    at, seen = Place.of(place), [0]

    def heard(*_: Any) -> None:
        seen[0] += 1
        if seen[0] == dies_at:
            die()

    where: Any = pg_store if at.on_postgres else sqlite_parts
    schema: Any = pg_schema if at.on_postgres else sqlite_schema
    where.migrate = _heard(where.migrate, heard)
    if later:
        schema.MIGRATIONS = (*schema.MIGRATIONS, NEXT)
    at.store_blocking().close_blocking()
    return seen[0]


def _heard(migrate: Callable[..., str], heard: Callable[..., None]) -> Callable[..., str]:
    """The same migration, which says when each statement begins."""

    def migrates(connection: Any, location: Any) -> str:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(heard)
            origin = migrate(connection, location)
            connection.set_trace_callback(None)
            return origin
        plain = connection.execute

        def execute(*args: Any, **how: Any) -> Any:
            heard()
            return plain(*args, **how)

        connection.execute = execute
        origin = migrate(connection, location)
        del connection.execute
        heard()  # committed
        return origin

    return migrates


# ── what is left ─────────────────────────────────────────────────────────────────────────────────────────────

_PG_SHAPE = """SELECT relname, attname, format_type(atttypid, atttypmod) FROM pg_class c JOIN pg_attribute a
    ON a.attrelid = c.oid WHERE relnamespace = current_schema()::regnamespace AND attnum > 0 ORDER BY 1, 2"""


def shape(place: Place) -> Shape:
    """Every table, index and column, and the version that stands beside them."""
    if not place.on_postgres:
        with closing(sqlite3.connect(place.folder / "store.db")) as file:
            tables = file.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
            return [*file.execute("PRAGMA user_version").fetchone(), *tables]
    with psycopg.connect(place.url) as server:
        tables = server.execute(_PG_SHAPE).fetchall()
        return [*(server.execute("SELECT schema FROM hitl_store").fetchone() or ()), *tables] if tables else []


class Migration:
    """Opening one store, again and again, by processes that are killed."""

    def __init__(self, place: Place, processes: Processes) -> None:
        self.place, self._processes = place, processes

    def opened(self, *, later: bool) -> int:
        ended = self._processes.run(Order.of(opens, place=self.place.told, later=later))
        assert (ended.signal, ended.error) == (0, "")
        return int(ended.result)

    def killed(self, statement: int, *, later: bool) -> bool:
        """Whether the process died: else the migration has fewer statements."""
        ended = self._processes.run(Order.of(opens, place=self.place.told, later=later, dies_at=statement))
        assert ended.error == ""
        return ended.killed


@scenario(9)
async def test_killed_while_a_later_release_changes_the_tables(place: Place, processes: Processes) -> None:
    """Fails without `BEGIN IMMEDIATE` in `step` (sqlite/file/schema.py), or `transaction()` in `migrate` (postgres)."""
    world = World(await place.store())
    await world.paused()
    await world.store.close()
    migration, old, seen = Migration(place, processes), shape(place), list[Shape]()
    for statement in range(1, 100):
        assert migration.killed(statement, later=True)
        seen.append(shape(place))
        if seen[-1] != old:
            break
    assert seen[:-1] == [old] * (len(seen) - 1)
    assert len(seen) > len(NEXT)
    migration.opened(later=True)
    assert shape(place) == seen[-1]
    rows = [("old",)]
    assert _extra(place) == rows


def _extra(place: Place) -> list[Any]:
    connect: Any = psycopg.connect(place.url) if place.on_postgres else sqlite3.connect(place.folder / "store.db")
    with closing(connect) as connection:
        return list(connection.execute("SELECT run FROM hitl_extra").fetchall())


@scenario(9)
async def test_killed_while_the_tables_are_made(place: Place, processes: Processes) -> None:
    """Fails where the test above fails: then a table is there already when the next start makes it."""
    statement, step, left_behind = 1, 1 if FULL else 9, list[Shape]()
    while Migration(at := _nothing_there(place, statement), processes).killed(statement, later=False):
        left_behind.append(shape(at))
        statement += step
    assert statement > 40
    newest = shape(at)
    if place.on_postgres:
        assert left_behind[:-1] == [[]] * (len(left_behind) - 1)
        assert left_behind[-1] in ([], newest)  # killed before the commit, or after it
    for number in range(1, statement, step):
        Migration(at := _nothing_there(place, number), processes).opened(later=False)
        assert shape(at) == newest
    world = World(await at.store())
    await world.paused()
    await world.store.close()
    found = await left(at)
    assert len(found.lines(AuditEvent.REQUEST_OPENED)) == 1
    assert faults(found) == []


def _nothing_there(place: Place, statement: int) -> Place:
    """A file of its own for each try; on a server whatever a killed try has made is gone."""
    folder = place.folder / f"killed at {statement}"
    folder.mkdir(exist_ok=True)
    return Place(place.url, folder)
