"""Connections that are lost, transactions in each other's way: what was not kept is tried again, or said."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from hitl_core.commands import OpenRun, SetStop, Stop, StopScope
from hitl_core.errors import ConfigError, RecordError, RunBusy, StoreTooNew, StoreUnavailable
from hitl_core.protocol import RunState
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.engine import engine
from hitl_core.stores.postgres.engine.locks import LOCKS
from hitl_core.stores.postgres.server import Location, bell, connect, schema
from hitl_core.stores.sql.dispatch import COMMANDS
from hitl_core.testing.clock import START
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres
LONG = 60.0


def disconnect_everybody(url: str) -> None:
    """As when the server is stopped at once: every other connection of hitl-core ends."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'hitl-core' AND pid <> pg_backend_pid()""")


def test_every_command_says_what_it_locks() -> None:
    assert LOCKS.keys() == COMMANDS.keys()


async def test_work_goes_on_when_connections_were_lost(store: PostgresStore, url: str) -> None:
    world = World(store)
    for _ in range(3):
        run, (request,) = await world.paused()
        disconnect_everybody(url)
        assert await world.run_state(run) is RunState.PAUSED
        disconnect_everybody(url)
        await world.answer(request.approve(by="ann"))
        assert await world.run_state(run) is RunState.READY
    assert (await world.events()).count("request.decided") == 3


async def test_what_changed_while_the_listener_was_lost_is_looked_for_when_it_is_back(
    store: PostgresStore, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody told it, and the slow look is not what finds it."""
    monkeypatch.setattr(bell, "SLOW", 10 * LONG)
    other, changed, lost = await PostgresStore.open(url, folder=tmp_path), threading.Event(), threading.Event()
    await store.changed(timeout=0)
    async with asyncio.timeout(LONG):
        while not store.hears:
            await store.changed(timeout=0.05)
    waiting = asyncio.ensure_future(store.changed(timeout=10 * LONG))
    await asyncio.sleep(0)

    def connects_late(location: Location) -> Any:
        lost.set()
        assert changed.wait(LONG)
        return connect(location)

    monkeypatch.setattr(bell, "connect", connects_late)
    disconnect_everybody(url)
    assert await asyncio.to_thread(lost.wait, LONG)
    await World(other).open()
    await other.close()
    assert not waiting.done()
    changed.set()
    async with asyncio.timeout(LONG):
        await waiting


async def test_a_change_that_is_not_told_is_seen(
    store: PostgresStore, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "SLOW", 0.05)
    other = await PostgresStore.open(url, folder=tmp_path)
    monkeypatch.setattr(other._bell, "_tell", lambda connection=None: None)
    await store.changed(timeout=0)
    waiting = asyncio.ensure_future(store.changed(timeout=LONG))
    await asyncio.sleep(0)
    await World(other).open()
    async with asyncio.timeout(LONG / 2):
        await waiting
    await other.close()


async def test_two_who_are_in_each_others_way_are_tried_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, real = [], COMMANDS[SetStop]

    def in_the_way(txn: Any, command: Any) -> Any:
        tries.append(command)
        made = real(txn, command)
        if len(tries) < 3:
            raise errors.DeadlockDetected
        return made

    monkeypatch.setattr(engine, "COMMANDS", {**COMMANDS, SetStop: in_the_way})
    await World(store).stop(StopScope.ALL)
    assert len(tries) == 3
    assert (await World(store).events()).count("stop.set") == 1


async def test_a_commit_whose_answer_is_lost_is_said_and_not_tried_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commits_and_is_lost(self: Any, link: Any, word: Any) -> None:
        link.end("COMMIT", word)
        lost: Any = LostLink(link.connection)
        real(self, lost, word)

    class LostLink:
        def __init__(self, connection: Any) -> None:
            self.connection = connection

        def end(self, how: str, behind: Any) -> None:
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    real = engine.Engine._commit
    monkeypatch.setattr(engine.Engine, "_commit", commits_and_is_lost)
    with pytest.raises(StoreUnavailable, match="whether it was kept is not known"):
        await store.apply(SetStop(Stop(StopScope.ALL, "", "too fast", "boss", START)))
    assert (await World(store).events()).count("stop.set") == 1


async def test_a_run_that_two_open_at_once_is_opened_once(store: PostgresStore) -> None:
    run = World(store).run()
    opened = [store.apply(OpenRun(run, f"worker-{number}", 30, START)) for number in range(6)]
    results = await asyncio.gather(*opened, return_exceptions=True)
    assert sum(isinstance(each, RunBusy) for each in results) == 5


@pytest.mark.parametrize("field", ["app", "started_by"])
async def test_what_the_server_cannot_keep_is_an_error_of_the_command(store: PostgresStore, field: str) -> None:
    """No text of PostgreSQL has a NUL. The next command works as if nothing had been."""
    given: dict[str, Any] = {field: "a\0b"}
    with pytest.raises(RecordError, match="cannot be kept"):
        await World(store).open(**given)
    assert await World(store).events() == []
    await World(store).open()


async def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="see that the server runs"):
        await PostgresStore.open("postgresql://nobody@127.0.0.1:1/none", folder=tmp_path)


async def test_a_url_that_is_none_is_said_without_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        await PostgresStore.open("mysql://ann:secret@host/db", folder=tmp_path)
    assert "secret" not in str(refused.value)


# ── the schema ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_many_who_open_a_new_database_at_once_find_one_store(url: str, tmp_path: Path) -> None:
    stores = await asyncio.gather(*(PostgresStore.open(url, folder=tmp_path) for _ in range(6)))
    assert len({each.custody.origin for each in stores}) == 1
    await World(stores[0]).paused()
    for each in stores:
        await each.close()


async def test_a_newer_schema_is_refused(store: PostgresStore, url: str, tmp_path: Path) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE hitl_store SET schema = 99")
    with pytest.raises(StoreTooNew, match="schema 99"):
        await PostgresStore.open(url, folder=tmp_path)


async def test_a_migration_that_fails_leaves_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("SELECT * FROM nowhere",)))
    with pytest.raises(StoreUnavailable):
        await PostgresStore.open(url, folder=tmp_path)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('hitl_runs')").fetchone() == (None,)
