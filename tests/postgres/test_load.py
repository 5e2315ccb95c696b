"""What waits is counted from the entries of one index, here too: no row is read for it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from hitl_core.commands import ListRuns, ReadLoad
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.server.dialect import put
from hitl_core.stores.sql.reading.load import COUNT_OPEN
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres


async def test_what_waits_is_counted_from_the_entries_of_an_index(url: str, tmp_path: Path) -> None:
    store = await PostgresStore.open(url, folder=tmp_path)
    await World(store).paused(count=3)
    assert (await store.fetch(ReadLoad())).open == 3
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")  # of three rows any plan is quick
        plan = connection.execute(f"EXPLAIN {put(COUNT_OPEN).replace('$1', '100')}").fetchall()  # our own words
    await store.close()
    assert any("Index Only Scan using hitl_inbox" in line for (line,) in plan), plan


async def test_the_undos_of_a_run_are_found_by_their_index_among_runs_that_carry_a_trace(
    url: str, tmp_path: Path
) -> None:
    """A run that is traced has more to say than its columns, as an undo has: the index has undos alone."""
    store = await PostgresStore.open(url, folder=tmp_path)
    world = World(store)
    first = await world.open(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    undo = await world.open(undoes=first.run.id)
    found = await store.fetch(ListRuns(undoes=first.run.id))
    assert [run.id for run in found.items] == [undo.run.id]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        sql = put("SELECT r.key FROM hitl_runs r WHERE json_extract(r.more, '$.undoes') IS NOT NULL")
        plan = connection.execute(f"EXPLAIN {sql}").fetchall()  # our own words
        connection.execute("REINDEX INDEX hitl_undos")  # counts its entries
        indexed = connection.execute("SELECT reltuples FROM pg_class WHERE oid = 'hitl_undos'::regclass").fetchone()
    await store.close()
    assert any("hitl_undos" in line for (line,) in plan), plan
    assert indexed == (1,), "of two runs that say more, one is an undo"
