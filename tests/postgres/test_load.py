"""What waits is counted from the entries of one index, here too: no row is read for it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from hitl_core.commands import ReadLoad
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
