"""Migrations: from every version to the newest, all or nothing; other programs' and newer files are left alone."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from hitl_core.commands import GetRun, LiftStop, ReadLoad, StopScope
from hitl_core.errors import ConfigError, StoreTooNew, StoreUnavailable
from hitl_core.lifecycle import RequestEvent, RequestState
from hitl_core.protocol import OnTimeout, RunState
from hitl_core.stores.sql.upkeep import Versions
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.file import schema
from hitl_core.stores.sqlite.file.connection import connect
from hitl_core.stores.sqlite.file.location import Location
from hitl_core.stores.sqlite.upkeep import SqliteUpkeep
from tests.core.stores.world import World

EXTRA = ("CREATE TABLE hitl_extra (key INTEGER PRIMARY KEY)", "INSERT INTO hitl_extra VALUES (7)")


def at_version(path: Path, version: int) -> None:
    connection = connect(Location(path), writes=True, create=True)
    for number in range(version):
        schema.step(connection, number)
    connection.close()


def shape(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("version", range(len(schema.MIGRATIONS) + 1))
async def test_a_file_of_any_version_becomes_the_newest(tmp_path: Path, version: int) -> None:
    old, fresh = tmp_path / "old.db", tmp_path / "fresh.db"
    at_version(old, version)
    for path in (old, fresh):
        store = await SqliteStore.open(path)
        await World(store).paused()
        await store.close()
    assert shape(old) == shape(fresh)


async def test_a_window_that_an_older_release_froze_ends_in_no_yes_of_its_own(tmp_path: Path) -> None:
    """Version 1 did not note since when: what was left of the window is unknown, so it waits for a word."""
    path = tmp_path / "desk.db"
    world = World(await SqliteStore.open(path))
    deadline = world.now + timedelta(seconds=60)
    _, (request, other) = await world.paused(count=2, deadline=deadline, on_timeout=OnTimeout.PROCEED)
    await world.stop(StopScope.ALL)
    await world.store.close()
    to_version_1(path)
    world.store = await SqliteStore.open(path)
    world.later(86_400)
    await world.answer(other.reject(by="ann"), event=RequestEvent.REFUSE)
    assert await world.store.apply(LiftStop(StopScope.ALL, "", "fine", "boss", world.now)) == 1
    world.later(86_400)
    assert (await world.fire(), await world.state(request)) == ([], RequestState.OPEN)
    assert (await world.answer(request.approve(by="ann"))).run_state is RunState.READY
    await world.store.close()


async def test_the_level_of_what_an_older_release_has_opened_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    world = World(await SqliteStore.open(path))
    await world.paused()
    await world.store.close()
    to_version_1(path)
    world.store = await SqliteStore.open(path)
    await world.paused()
    levels = (await world.store.fetch(ReadLoad())).levels
    assert [(each.name, each.count) for each in levels] == [("confirm", 1), ("unknown", 1)]
    await world.store.close()


def to_version_1(path: Path) -> None:
    """The file as the first release left it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE hitl_runs DROP COLUMN tools")
        connection.execute("DROP INDEX hitl_thread")
        connection.execute("DROP TABLE hitl_said")
        connection.execute("DROP INDEX hitl_by_level")
        connection.execute("DROP INDEX hitl_soonest")
        connection.execute("DROP TABLE hitl_slips")
        connection.execute("DROP TABLE hitl_quotas")
        connection.execute("DROP INDEX hitl_inbox")
        connection.execute("ALTER TABLE hitl_requests DROP COLUMN level")
        connection.execute(
            "CREATE INDEX hitl_inbox ON hitl_requests (key, audience) WHERE state = 'open' AND waits = 1"
        )
        connection.execute("ALTER TABLE hitl_requests DROP COLUMN frozen_at")
        connection.execute("DROP TABLE hitl_workers")
        connection.execute("DROP INDEX hitl_until")
        connection.execute("ALTER TABLE hitl_runs DROP COLUMN tries")
        connection.execute("CREATE INDEX hitl_leased ON hitl_runs (until) WHERE state = 'running'")
        connection.execute("DROP TABLE hitl_woken")
        connection.execute("CREATE TABLE hitl_woken (run INTEGER PRIMARY KEY, at INTEGER NOT NULL)")
        connection.execute("ALTER TABLE hitl_requests DROP COLUMN shown")
        connection.execute("ALTER TABLE hitl_store DROP COLUMN anchor")
        connection.execute("ALTER TABLE hitl_effects DROP COLUMN ended")
        connection.execute("DROP INDEX hitl_undos")
        connection.execute("DROP TABLE hitl_undone")
        connection.execute("DROP TABLE hitl_overrides")
        connection.execute("DROP TABLE hitl_guidance")
        connection.execute("ALTER TABLE hitl_requests DROP COLUMN several")
        connection.execute("DROP TABLE hitl_past")
        connection.execute("DROP TABLE hitl_timers")
        connection.execute("ALTER TABLE hitl_requests DROP COLUMN draft")
        connection.execute("DROP TABLE hitl_drafts")
        connection.execute("ALTER TABLE hitl_effects DROP COLUMN granted")
        connection.execute("DROP TABLE hitl_grant_uses")
        connection.execute("DROP TABLE hitl_grants")
        connection.execute("DROP TABLE hitl_assigned")
        connection.execute("DROP TABLE hitl_comments")
        connection.execute("DROP TABLE hitl_apart")
        connection.execute("PRAGMA user_version = 1")


async def test_what_is_ready_at_work_and_paused_stays_so_in_a_file_of_version_12(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    at_version(path, 12)
    with closing(connect(Location(path), writes=True)) as connection:
        connection.execute("INSERT INTO hitl_apps VALUES (1, 'plain', 'desk:app', '1', 'shop')")
        for key, state, until in ((1, "paused", None), (2, "running", 1), (3, "paused", None)):
            row = (key, f"run-{key}", state, until, None if until is None else "w")
            connection.execute(
                """INSERT INTO hitl_runs (key, id, state, app, thread, created, updated, attempts, turns, fence, until,
                owner) VALUES (?, ?, ?, 1, 't', 0, 0, 1, 1, 1, ?, ?)""",
                row,
            )
        connection.execute("INSERT INTO hitl_woken VALUES (1, 7)")
    world = World(await SqliteStore.open(path))
    runs = [await world.store.fetch(GetRun(f"run-{key}")) for key in (1, 2, 3)]
    assert [run.state for run in runs] == [RunState.READY, RunState.RUNNING, RunState.PAUSED]
    assert {(run.backend, run.app, run.app_version, run.tenant) for run in runs} == {("plain", "desk:app", "1", "shop")}
    assert await world.claims(versions=("1",), formats=("", "f")) == ["run-2", "run-1"]
    await world.store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_a_migration_happens_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    await World(store).paused()
    await store.close()
    before = shape(path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, (*EXTRA, "SELECT * FROM nowhere")))
    with pytest.raises(StoreUnavailable, match="nowhere"):
        await SqliteStore.open(path)
    assert shape(path) == before
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], EXTRA))
    store = await SqliteStore.open(path)
    assert len(await World(store).events()) == 3
    await store.close()
    assert shape(path) != before


async def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "desk.db"
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, EXTRA))
        await (await SqliteStore.open(path)).close()
    with pytest.raises(StoreTooNew, match="upgrade hitl-core"):
        await SqliteStore.open(path)


@pytest.mark.parametrize("mark", ["application_id = 1", "user_version = 3"])
async def test_another_programs_file_is_left_alone(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "desk.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA {mark}")
    connection.close()
    with pytest.raises(StoreUnavailable, match="belongs to another program"):
        await SqliteStore.open(path)


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "desk.db").write_text("hello" * 1000)
    with pytest.raises(StoreUnavailable, match="not an SQLite database"):
        await SqliteStore.open(tmp_path / "desk.db")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await SqliteStore.open(tmp_path / "nowhere" / "desk.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await SqliteStore.open(tmp_path / "folder.db")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///desk.db", "/home/desk.db"),
        ("sqlite:////srv/desk.db", "/srv/desk.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        (":memory:", None),
        ("data/desk.db", "/home/data/desk.db"),
        (Path("/srv/desk.db"), "/srv/desk.db"),
    ],
)
def test_where_a_url_leads(url: str | Path, path: str | None) -> None:
    found = Location.parse(url, folder=Path("/home")).path
    assert found == (None if path is None else Path(path))


def test_another_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match="takes sqlite://"):
        Location.parse("postgresql://localhost/desk")


async def test_odd_file_names_are_file_names(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "a b?mode=memory#x%20.db")
    await World(store).open()
    await store.close()
    assert "a b?mode=memory#x%20.db" in os.listdir(tmp_path)


async def test_key_and_anchors_can_lie_elsewhere(tmp_path: Path) -> None:
    store = await SqliteStore.open("sqlite:///desk.db", folder=tmp_path, audit_key="k", audit_anchors=tmp_path / "a")
    await World(store).open()
    await store.close()
    assert sorted(os.listdir(tmp_path)) == ["a", "desk.db", "desk.db.lock", "k"]


async def test_upkeep_migrates_and_looking_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upkeep, newest = SqliteUpkeep.of("sqlite:///desk.db", folder=tmp_path), len(schema.MIGRATIONS)
    assert (upkeep.versions(), os.listdir(tmp_path)) == (Versions(0, newest), [])
    at_version(tmp_path / "desk.db", 3)
    assert (upkeep.versions(), upkeep.versions().steps) == (Versions(3, newest), newest - 3)
    assert (upkeep.migrate(), upkeep.versions()) == (Versions(3, newest), Versions(newest, newest))
    assert (str(upkeep), upkeep.remarks()) == (repr(str(tmp_path / "desk.db")), ())
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:-1])
    with pytest.raises(StoreTooNew):
        upkeep.versions()
    (tmp_path / "desk.db").write_text("hello" * 1000)
    with pytest.raises(StoreUnavailable, match="not an SQLite database"):
        upkeep.versions()
