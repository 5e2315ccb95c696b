"""A store moves from a file to a server: all of it, once, whatever is killed when; and the file is closed for good."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hitl_core.apps import AppSource
from hitl_core.audit import verify
from hitl_core.commands import FinishRun, GetRun, ListRequests, ReadAudit, RecordResponse, Remember
from hitl_core.config import Config, open_store
from hitl_core.errors import ConfigError, StoreError, StoreMoved, StoreUnfinished
from hitl_core.protocol import PauseRequest, RunState
from hitl_core.stores.moving import move
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.upkeep import PostgresUpkeep
from hitl_core.stores.sql.tables import Name, packed
from hitl_core.stores.sql.upkeep import NOT_MOVED, TABLES
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.upkeep import SqliteUpkeep
from hitl_core.testing.clock import START, ManualClock
from tests.core.stores.contract.test_checking import lived
from tests.core.stores.crowd import CONTEXT, crowd
from tests.core.stores.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.processes]

# A row for each table in which `lived` leaves none. What refers to a row refers to the first one.
MORE = (
    "INSERT INTO hitl_woken VALUES (1, 2, 3)",
    "INSERT INTO hitl_grants VALUES (7, 'grant-1', 'refund', 'default', 9, 2, NULL, 1, 0, NULL, NULL, 1)",
    "INSERT INTO hitl_grant_uses VALUES (7, 1, 12)",
    "INSERT INTO hitl_votes VALUES (1, 'ann', 1)",
    "INSERT INTO hitl_timers VALUES (99, 2, 'request.woken', 0)",
    "INSERT INTO hitl_drafts VALUES ('draft-of-15-by.', 1, 1)",  # as long as a UUID is, with its mark
    "INSERT INTO hitl_guidance VALUES (3, 'said-1', 2, 'queued', NULL, NULL, 1)",
    "INSERT INTO hitl_overrides VALUES (4, 1, NULL, NULL, 1, 'ann', 'no', 5)",
    "INSERT INTO hitl_undone VALUES (1, 1)",
    "INSERT INTO hitl_past VALUES (x'01', x'02', 3, 1, 4)",
    "INSERT INTO hitl_assigned VALUES ('default', 'ann', 8)",
    "INSERT INTO hitl_stops VALUES ('tool', 'wire', 'odd', 'boss', 6)",
    "INSERT INTO hitl_said VALUES (6, 1, 'talk-of-fifteen', 'default', 'message-of-15by', 1)",
    "INSERT INTO hitl_slips VALUES (5, 'token', 'abc', 1, 'default', 'ann', '', NULL, 9, NULL, 1)",
)


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    await lived(World(store))
    await store.close()
    return path


def moving(file: Path, url: str) -> tuple[SqliteUpkeep, PostgresUpkeep]:
    return SqliteUpkeep.of(file), PostgresUpkeep.of(url, folder=file.parent)


def tables(file: Path) -> dict[str, list[str]]:
    """The columns of each table of a file."""
    ours = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'hitl%'"
    with closing(sqlite3.connect(file)) as connection:
        names = [name for (name,) in connection.execute(ours)]
        return {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in names}


def test_every_table_moves_or_is_known_not_to(file: Path) -> None:
    assert {each.name for each in TABLES} | set(NOT_MOVED) == tables(file).keys()


async def test_every_row_of_every_table_is_the_same_there(file: Path, url: str) -> None:
    known = tables(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in MORE:
            connection.execute(statement)
        moved = move(*moving(file, url), now=START)
        assert moved is not None
        total = 0
        for table in TABLES:
            columns = [name for name in known[table.name] if name not in table.left_out]
            chosen = ", ".join(columns)
            there = connection.execute(f"SELECT {chosen} FROM moved_{table.name}").fetchall()
            assert there, f"nothing is tried of {table.name}"
            ids = [columns.index(name) for name in table.ids]
            expected = {tuple(as_there(each, place in ids) for place, each in enumerate(row)) for row in there}
            with psycopg.connect(url) as server:
                found = server.execute(f"SELECT {chosen} FROM {table.name}").fetchall()  # names of our own
            if table.name == "hitl_audit":
                found = [row for row in found if row[2] != "store.moved"]
            assert set(found) == expected, table.name
            total += len(there)
    assert moved.rows == total


def as_there(value: Any, is_id: bool) -> Any:
    return packed(Name(value)) if is_id and isinstance(value, str) else value


async def test_what_waited_goes_on_there_and_the_trail_with_it(tmp_path: Path, url: str) -> None:
    path = tmp_path / "desk.db"
    world = World(await SqliteStore.open(path))
    running = await world.open()
    _, (dated,) = await world.paused(deadline=world.later(60))
    run, (waiting,) = await world.paused()
    before = (await world.store.fetch(ListRequests())).items
    await world.store.close()
    move(*moving(path, url), now=world.now)
    store = await PostgresStore.open(url, folder=tmp_path)
    world.store = store
    assert (await store.fetch(ListRequests())).items == before
    assert (await store.apply(Remember(running.lease, "model#1", 1, world.now))) == 1  # a lease is still held
    await store.apply(FinishRun(running.lease, RunState.COMPLETED, world.now))
    await store.apply(RecordResponse(waiting.approve(by="ann"), world.now))
    assert (await world.claim(run)).checkpoint == {"step": 1}
    world.later(3600)
    assert await world.fire() == [dated.id]
    _, (opened,) = await world.paused()
    assert [each.request.id for each in (await store.fetch(ListRequests())).items] == [opened.id]
    lines = (await store.fetch(ReadAudit())).items
    assert [each.event for each in lines].count("store.moved") == 1
    await store.close()
    again = await PostgresStore.open(url, folder=tmp_path)
    assert (await verify(again, again.custody)).findings == ()
    assert PostgresUpkeep.of(url).check() == ()
    await again.close()


async def test_the_file_is_closed_for_good_and_names_the_server(file: Path, url: str) -> None:
    had_it_open = await SqliteStore.open(file)
    (waiting, _) = (await had_it_open.fetch(ListRequests())).items
    move(*moving(file, url), now=START)
    named = r"is closed: all of it was moved to 'postgres' at "
    with pytest.raises(StoreMoved, match=named):
        await had_it_open.fetch(ListRequests())
    with pytest.raises(StoreMoved, match=named):
        await had_it_open.apply(RecordResponse(waiting.request.approve(by="ann"), START))
    await had_it_open.close()
    for work in (SqliteUpkeep.of(file).versions, SqliteUpkeep.of(file).migrate):
        with pytest.raises(StoreMoved, match=named):
            work()
    with pytest.raises(StoreMoved, match=named):
        await SqliteStore.open(file)


async def test_moving_again_says_that_it_is_done_and_nowhere_else(file: Path, url: str, server: str) -> None:
    assert move(*moving(file, url), now=START) is not None
    assert move(*moving(file, url), now=START) is None
    other = f"{server}&options=-csearch_path%3Dnowhere"
    with pytest.raises(StoreMoved, match="not to"):
        move(*moving(file, other), now=START)


async def test_a_store_that_is_in_use_is_not_moved_into(file: Path, url: str, tmp_path: Path) -> None:
    store = await PostgresStore.open(url, folder=tmp_path)
    run = (await World(store).open()).run
    with pytest.raises(StoreError, match="is in use"):
        move(*moving(file, url), now=START)
    assert await store.fetch(GetRun(run.id)) == run
    await store.close()
    await still_works(file)


async def test_a_trail_that_was_meddled_with_is_not_moved(file: Path, url: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE hitl_audit SET actor = 'eve' WHERE seq = 2")
        connection.commit()
    with pytest.raises(StoreError, match="not as it was sealed, so nothing is moved: edited: line 2"):
        move(*moving(file, url), now=START)
    assert PostgresUpkeep.of(url).versions().found == 0
    await still_works(file)


async def test_another_key_at_the_new_place_is_not_overwritten(file: Path, url: str, tmp_path: Path) -> None:
    (tmp_path / "other.key").write_text("5a" * 32)
    target = PostgresUpkeep.of(url, folder=tmp_path, audit_key="other.key")
    with pytest.raises(ConfigError, match="holds another key"):
        move(SqliteUpkeep.of(file), target, now=START)
    assert (tmp_path / "other.key").read_text() == "5a" * 32
    await still_works(file)


async def still_works(file: Path) -> None:
    store = await SqliteStore.open(file)
    await World(store).open()
    await store.close()


# ── killed ───────────────────────────────────────────────────────────────────────────────────────────────────


def move_and_die(file: Path, url: str, where: str) -> None:
    """In a process of its own, which ends itself before or after a step, or in the middle of one."""
    from hitl_core.stores.postgres import arriving
    from hitl_core.stores.sqlite import leaving

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def dying(step: Callable[..., Any], *, first: bool) -> Callable[..., Any]:
        def instead(*given: Any, **named: Any) -> Any:
            if first:
                die()
            done = step(*given, **named)
            die()
            return done

        return instead

    when, _, what = where.partition(" ")
    place: Any = {
        "copying": (arriving.Arriving, "_go_on"),
        "receiving": (arriving.Arriving, "receive"),
        "closing": (leaving.SqliteLeaving, "close_for_good"),
        "renaming": (leaving, "close_for_good"),
        "finishing": (arriving.Arriving, "finish"),
    }[what]
    owner, name = place
    setattr(owner, name, dying(getattr(owner, name), first=when == "before"))
    move(*moving(file, url), now=START)


OLD = ("before receiving", "before copying", "after copying", "after receiving", "before closing", "after renaming")
NEW = ("after closing", "before finishing", "after finishing")


@pytest.mark.parametrize("where", [*OLD, *NEW])
async def test_killed_at_any_step_one_of_the_two_works_and_it_can_be_called_again(
    file: Path, url: str, tmp_path: Path, where: str
) -> None:
    with crowd(move_and_die, [(file, url, where)], ends=-9):
        pass
    config = Config("plain", AppSource("desk:app"), store_url=url, folder=tmp_path)
    if where in NEW:
        with pytest.raises(StoreMoved):
            await SqliteStore.open(file)
        store = await open_store(config, ManualClock())  # finds out that the other one is closed
        await World(store).open()
        await store.close()
        assert move(*moving(file, url), now=START) is None
        return
    await still_works(file)
    if where in ("after receiving", "before closing", "after renaming"):
        with pytest.raises(StoreUnfinished, match=r"is not known to be all in the store"):
            await PostgresStore.open(url, folder=tmp_path)
        with pytest.raises(StoreUnfinished, match=r"is not known to be all in the store"):
            await open_store(config, ManualClock())
    moved = move(*moving(file, url), now=START)
    assert moved is not None
    store = await PostgresStore.open(url, folder=tmp_path)
    assert len((await store.fetch(ListRequests())).items) == 2
    await store.close()


async def test_nobody_writes_while_it_is_moved(file: Path, url: str, tmp_path: Path) -> None:
    """Whoever comes meanwhile waits, and then finds it closed; nothing is lost between the two."""
    store = await SqliteStore.open(file)
    (waiting, _) = (await store.fetch(ListRequests())).items
    ready, go = CONTEXT.Event(), CONTEXT.Event()
    with crowd(move_when_told, [(file, url, ready, go)]):
        assert ready.wait(60)
        go.set()
        await until_it_is_closed(store, waiting.request)
    await store.close()
    there = await PostgresStore.open(url, folder=tmp_path)
    decided = [each.event for each in (await there.fetch(ReadAudit())).items].count("request.decided")
    open_ones = [each.request.id for each in (await there.fetch(ListRequests())).items]
    assert (decided == 2) == (waiting.request.id not in open_ones)
    await there.close()


async def until_it_is_closed(store: SqliteStore, request: PauseRequest) -> None:
    while True:
        try:
            await store.apply(RecordResponse(request.approve(by="ann"), START))
        except StoreMoved:
            return


def move_when_told(file: Path, url: str, ready: Any, go: Any) -> None:
    source, target = moving(file, url)
    with source.leaving() as leaving:
        ready.set()
        go.wait()
        target.receive(leaving, "token", START)
        leaving.close_for_good(str(target), "token")
    target.finish("token")
