"""Few connections for many: whoever holds one waits for no other, and who gets none is told why."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import psycopg
import pytest

from hitl_core.audit import verify
from hitl_core.commands import OpenRun
from hitl_core.errors import ConfigError, StoreUnavailable
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.server import connection
from hitl_core.testing.clock import START
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres
WRITERS = 16
LONG = 60.0


@pytest.fixture(params=["1", "2"])
def store(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> Iterator[PostgresStore]:
    """Its waiting is longer than the test may take: nobody is freed by giving up."""
    store = PostgresStore.open_blocking(url, folder=tmp_path, connections=request.param)
    yield store
    store.close_blocking()


def test_many_writers_share_one_or_two_connections(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each commit is told to others and sealed: whoever does that on a second connection while it holds one waits for
    itself here.
    """
    monkeypatch.setattr(store._connections._pool, "timeout", 10 * LONG)
    runs = [World(store).run() for _ in range(10 * WRITERS)]
    with ThreadPoolExecutor(WRITERS) as writers:
        done = [writers.submit(store.apply_blocking, OpenRun(run, "worker", 30, START)) for run in runs]
        _, hanging = wait(done, LONG)
        if hanging:
            store._connections.close()  # so that they end
        assert not hanging
    assert [each.result().run.id for each in done] == [run.id for run in runs]


def test_who_gets_no_connection_is_told_how_many_there_are(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore.open_blocking(url, folder=tmp_path, connections="1")
    with store._connections.one(), monkeypatch.context() as impatient:
        impatient.setattr(connection, "WAIT", 0.1)
        with pytest.raises(StoreUnavailable, match=r"all 1 connections .* were at work for 0\.1 seconds"):
            store.apply_blocking(OpenRun(World(store).run(), "worker", 30, START))
    store.close_blocking()


async def test_a_store_that_reaches_its_server_no_more_is_closed_all_the_same(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it could not keep at its end is found in its files by who opens it next."""
    store = PostgresStore.open_blocking(url, folder=tmp_path, connections="1")
    await World(store).open()
    # No other comes free, as where the server is gone.
    with store._connections.one(), monkeypatch.context() as impatient:
        impatient.setattr(connection, "WAIT", 0.1)
        store.close_blocking()
    assert store._connections._pool.closed
    again = await PostgresStore.open(url, folder=tmp_path)
    await again.close()
    looking = await PostgresStore.open(url, folder=tmp_path, anchoring=False)
    report = await verify(looking, looking.custody)
    assert (report.findings, report.lines, report.anchored, report.unsealed) == ((), 1, 1, 0)
    await looking.close()


async def test_what_cannot_be_understood_is_said_at_once(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        await PostgresStore.open(url, folder=tmp_path, prepare="maybe", connections="none", lock_timeout="soon")
    assert [fault.path for fault in refused.value.faults] == [
        "store.prepare",
        "store.connections",
        "store.lock_timeout",
    ]


async def test_how_long_a_statement_may_take_is_kept_to(url: str, tmp_path: Path) -> None:
    store = await PostgresStore.open(url, folder=tmp_path, statement_timeout="1s", lock_timeout="2s")
    with store._connections.one() as one, pytest.raises(psycopg.errors.QueryCanceled):
        one.execute("SELECT pg_sleep(60)")
    await store.close()
