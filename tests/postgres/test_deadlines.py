"""Deadlines beside other work: nobody is held up by them, and none is fired of what was answered a moment before."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hitl_core.commands import FireTimers, GetRequest
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import PauseRequest
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.engine.locks import number
from hitl_core.stores.sql.answers import timers
from hitl_core.testing.clock import START
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres

DUE = START + timedelta(minutes=1)
LATER = FireTimers(DUE + timedelta(seconds=1))
GATE = 4711
"""An advisory lock of the test's own."""
SOON = 30.0


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(url, folder=tmp_path)
    yield store
    await store.close()


async def asked(store: PostgresStore) -> PauseRequest:
    _, (request,) = await World(store).paused(deadline=DUE)
    return request


async def fired(store: PostgresStore) -> list[str]:
    return [settled.request.id for settled in await store.apply(LATER)]


async def test_deadlines_wait_for_nobody_and_what_others_have_locked_fires_later(
    store: PostgresStore, url: str
) -> None:
    """Fails if they take the store to themselves: a transaction is open, as of an effect that runs in one."""
    one, other = [await asked(store) for _ in range(2)]
    with psycopg.connect(url) as busy:
        busy.execute("SELECT pg_advisory_xact_lock_shared(%s)", (number(store.custody.origin, "store"),))
        busy.execute("SELECT 1 FROM hitl_runs WHERE key = (SELECT MIN(key) FROM hitl_runs) FOR UPDATE")
        assert await fired(store) == [other.id]
    assert await fired(store) == [one.id]
    assert await fired(store) == []
    assert (await World(store).events()).count("request.expired") == 2


async def test_nobody_waits_for_deadlines_that_are_being_fired(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if answers wait for the end of a sweep, which stands still here."""
    await asked(store)
    _, (open_one,) = await World(store).paused()
    monkeypatch.setattr(timers, "_EXPIRE", _behind_the_gate(timers._EXPIRE))
    with psycopg.connect(url, autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", (GATE,))
        sweep = asyncio.ensure_future(store.apply(LATER))
        await asyncio.to_thread(_until_somebody_waits, gate)
        await World(store).answer(open_one.approve(by="ann"))
        assert not sweep.done()
        gate.execute("SELECT pg_advisory_unlock(%s)", (GATE,))
        assert len(await sweep) == 1


async def test_what_is_answered_while_deadlines_are_looked_for_does_not_expire(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if only the run is locked: an answer does not touch its row, so the request is seen as it was."""
    request = await asked(store)
    monkeypatch.setattr(timers, "_DUE", _behind_the_gate(timers._DUE))
    with psycopg.connect(url, autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", (GATE,))
        sweep = asyncio.ensure_future(store.apply(LATER))
        await asyncio.to_thread(_until_somebody_waits, gate)
        await World(store).answer(request.approve(by="ann"))
        gate.execute("SELECT pg_advisory_unlock(%s)", (GATE,))
        assert await sweep == ()
    assert (await store.fetch(GetRequest(request.id))).state is RequestState.DECIDED
    assert (await World(store).events()).count("request.expired") == 0


async def test_many_who_fire_at_once_fire_each_once(store: PostgresStore) -> None:
    """Each a few at a time, until none is left. Fails if the requests themselves are not locked: some fire twice."""
    names = {(await asked(store)).id for _ in range(40)}
    found, guard = list[str](), threading.Lock()

    def fire() -> None:
        while some := store.apply_blocking(FireTimers(LATER.now, 3)):
            with guard:
                found.extend(settled.request.id for settled in some)

    await asyncio.gather(*(asyncio.to_thread(fire) for _ in range(4)))
    assert (len(found), set(found)) == (40, names)
    assert (await World(store).events()).count("request.expired") == 40


def _behind_the_gate(sql: str) -> str:
    """The same statement; its snapshot is taken before the gate, and rows are locked behind it."""
    return sql.replace("WHERE ", f"WHERE pg_advisory_xact_lock_shared({GATE})::text IS NOT NULL AND ", 1)


def _until_somebody_waits(gate: psycopg.Connection[Any]) -> None:
    waiting = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    ends = time.monotonic() + SOON
    while gate.execute(waiting, (GATE,)).fetchone() == (0,):
        assert time.monotonic() < ends, "nobody came to the gate"
