"""Migrations: from every version to the newest, all or nothing; newer tables are left alone, and looking makes none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest

from hitl_core.errors import StoreTooNew, StoreUnavailable
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.server import schema
from hitl_core.stores.postgres.upkeep import PostgresUpkeep
from hitl_core.stores.sql.upkeep import Versions
from tests.core.stores.crowd import CONTEXT, crowd
from tests.core.stores.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.processes]
NEWEST = len(schema.MIGRATIONS)
EXTRA = ("CREATE TABLE hitl_extra (key BIGINT PRIMARY KEY)", "INSERT INTO hitl_extra VALUES (7)")

_SHAPE = """SELECT relname, relkind, attname, format_type(atttypid, atttypmod), attnotnull
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE relnamespace = current_schema()::regnamespace AND attnum > 0 ORDER BY relname, attnum"""


def shape(url: str) -> list[tuple[Any, ...]]:
    """Every column of every table and index."""
    with psycopg.connect(url) as connection:
        return connection.execute(_SHAPE).fetchall()


def at_version(url: str, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if version == 0:
        return
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:version])
        PostgresUpkeep.of(url).migrate()


@pytest.mark.parametrize("version", range(NEWEST + 1))
async def test_tables_of_any_version_become_the_newest(
    url: str, tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, EXTRA))
    at_version(url, version, monkeypatch)
    assert PostgresUpkeep.of(url).versions() == Versions(version, NEWEST + 1)
    store = await PostgresStore.open(url, folder=tmp_path)
    await World(store).paused()
    await store.close()
    assert PostgresUpkeep.of(url).versions() == Versions(NEWEST + 1, NEWEST + 1)
    migrated = shape(url)
    drop(url)
    PostgresUpkeep.of(url).migrate()
    assert shape(url) == migrated


def drop(url: str) -> None:
    with psycopg.connect(url) as connection:
        (name,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
        connection.execute(f"DROP SCHEMA {name} CASCADE")  # a name of our own
        connection.execute(f"CREATE SCHEMA {name}")  # a name of our own


async def test_looking_makes_no_table(url: str) -> None:
    assert PostgresUpkeep.of(url).versions() == Versions(0, NEWEST)
    assert shape(url) == []


async def test_a_migration_that_fails_leaves_everything_as_it_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await PostgresStore.open(url, folder=tmp_path)).close()
    before = shape(url)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, (*EXTRA, "SELECT * FROM nowhere")))
    with pytest.raises(StoreUnavailable, match="nowhere"):
        await PostgresStore.open(url, folder=tmp_path)
    assert shape(url) == before


async def test_tables_of_a_newer_release_are_left_alone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, EXTRA))
        await (await PostgresStore.open(url, folder=tmp_path)).close()
    before = shape(url)
    with pytest.raises(StoreTooNew, match=f"has schema {NEWEST + 1}, this release knows {NEWEST}; upgrade hitl-core"):
        await PostgresStore.open(url, folder=tmp_path)
    with pytest.raises(StoreTooNew):
        PostgresUpkeep.of(url).migrate()
    assert shape(url) == before


class Held(tuple[str, ...]):
    """The statements of a migration, of which the one at `at` is only begun with when told."""

    def __new__(cls, statements: tuple[str, ...], at: int, reached: Any, go: Any) -> Held:
        held = super().__new__(cls, statements)
        held.at, held.reached, held.go = at, reached, go
        return held

    at: int
    reached: Any
    go: Any

    def __iter__(self) -> Iterator[str]:
        for number, statement in enumerate(super().__iter__()):
            if number == self.at:
                self.reached.set()
                self.go.wait()
            yield statement


def migrate_held(url: str, before: int, at: int, reached: Any, go: Any) -> None:
    """In a process of its own: the migration after `before`, which waits at its statement `at`."""
    known = (*schema.MIGRATIONS, EXTRA)
    schema.MIGRATIONS = (*known[:before], Held(known[before], at, reached, go), *known[before + 1 :])  # type: ignore[misc]  # in this process only
    PostgresUpkeep.of(url).migrate()


@pytest.mark.parametrize(("before", "at"), [(0, 0), (0, 7), (0, len(schema.MIGRATIONS[0]) - 1), (NEWEST, 1)])
async def test_a_migration_that_is_killed_leaves_everything_as_it_was(
    url: str, before: int, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        PostgresUpkeep.of(url).migrate()
    was, reached, go = shape(url), CONTEXT.Event(), CONTEXT.Event()
    with crowd(migrate_held, [(url, before, at, reached, go)], ends=-9) as (process,):
        assert reached.wait(60)
        process.kill()
    assert shape(url) == was
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, EXTRA))
    assert PostgresUpkeep.of(url).migrate() == Versions(before, NEWEST + 1)
    assert PostgresUpkeep.of(url).versions().steps == 0


async def test_two_processes_migrate_one_after_the_other(url: str) -> None:
    reached, second, go = CONTEXT.Event(), CONTEXT.Event(), CONTEXT.Event()
    arguments = [(url, 0, 3, reached, go), (url, 0, 3, second, go)]
    with crowd(migrate_held, arguments):
        until = monotonic() + 60
        while not any(each.wait(0.02) for each in (reached, second)):
            assert monotonic() < until
        go.set()  # both ended with 0: the later one found the tables and made none
    assert (reached.is_set(), second.is_set()) in [(True, False), (False, True)]
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT schema FROM hitl_store").fetchall() == [(NEWEST + 1,)]
        assert connection.execute("SELECT key FROM hitl_extra").fetchall() == [(7,)]
