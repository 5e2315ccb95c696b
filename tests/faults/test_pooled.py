"""Scenarios 35 and 36: a pooler in between, and a server that cannot clean up behind a long transaction."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from hitl_core.commands import ClaimRuns, FinishRun
from hitl_core.protocol import RunState
from hitl_core.stores.sql.commands import claims
from hitl_core.testing.clock import START
from tests.core.stores.world import World
from tests.faults.checker import faults, left
from tests.faults.installed import Installed
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario
from tests.postgres.pooler import a_strict_pooler
from tests.postgres.test_plans import _FILL, Explained

pytestmark = pytest.mark.postgres
LONG = 120.0


@pytest.fixture
def pooled(server: str, folder: Path) -> Iterator[Place]:
    """A database of its own through a pooler that gives each transaction another session."""
    name = f"d{folder.name.rpartition('-')[2].lower()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # a name of our own
        running = Path(str(conninfo_to_dict(server)["host"]))
        with tempfile.TemporaryDirectory(prefix="hitl-pooler-") as at, a_strict_pooler(running, Path(at)):
            yield Place(f"postgresql://postgres@/{name}?host={at}", folder)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # a name of our own


@scenario(35)
@pytest.mark.processes
async def test_a_worker_behind_a_pooler_says_that_it_hears_nobody_and_works_all_the_same(pooled: Place) -> None:
    """Fails if it is not found out that nobody can be heard (hearing.py), or if a worker only waits to be told.
    That who waits for the store alone looks too is tried in tests/postgres/test_pooler.py."""
    desk = Installed.at(pooled)
    runs = await desk.paused(many(3, full=30))
    with desk.worker() as working:
        async with desk.open() as hitl, asyncio.timeout(LONG):
            for run in runs:
                await hitl.respond(run.pending[0].approve(by="ann"))
            for run in runs:
                while (await hitl.run(run.id)).state is not RunState.COMPLETED:
                    await hitl.store.changed(timeout=0.5)
        working.wait_for("no NOTIFY is heard")
        assert working.log.read_text().count("no NOTIFY is heard") == 1
    assert faults(await left(pooled), over=True) == []


@scenario(36)
async def test_a_claim_finds_its_rows_among_dead_ones_and_many_that_wait(on_postgres: Place) -> None:
    """Somebody reads since before all of it, so that nothing is cleaned up. Fails without its index."""
    store = await on_postgres.store()
    world = World(store)
    await world.paused()
    with psycopg.connect(on_postgres.url) as reading, psycopg.connect(on_postgres.url, autocommit=True) as connection:
        reading.execute("SET default_transaction_isolation = 'repeatable read'")
        reading.commit()
        reading.execute("SELECT COUNT(*) FROM hitl_runs")
        connection.execute(_FILL, (many(20_000, full=1_000_000),))
        connection.execute("DELETE FROM hitl_woken")
        connection.execute("VACUUM ANALYZE")
        for _ in range(many(5, full=200)):
            run = await world.pause(await world.open())
            (claimed,) = await store.apply(ClaimRuns("w", 30, START, run_id=run.id))
            await store.apply(FinishRun(claimed.lease, RunState.COMPLETED, START))
        wanted = await world.pause(await world.open())
        view = Explained(connection)
        taken = claims.claimable(view, ClaimRuns("w", 30, START, 4))
        assert [row.name for row in taken] == [wanted.id]
        scans = [step for step in view.plans if step["Node Type"] == "Seq Scan"]
        grown = [step for step in scans if step.get("Relation Name") in ("hitl_runs", "hitl_requests", "hitl_woken")]
        assert grown == []
        assert view.read <= 100
    await store.close()
