"""A damaged row on a server: whoever reads goes on without it, also where that cannot be written down just now."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from hitl_core.commands import ListRequests
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.engine import engine
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres

READ_ONLY = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
"""As every transaction is on a standby, or where the provider has locked the disk."""


async def test_a_damaged_row_is_passed_over_where_nothing_can_be_written_and_recorded_later(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await PostgresStore.open(url, folder=tmp_path)
    world = World(store)
    _, (bad, good) = await world.paused(count=2)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE hitl_bodies SET data = 'x' WHERE key = (SELECT MIN(body) FROM hitl_requests)")
    with monkeypatch.context() as standby:
        standby.setattr(engine, "_BEGIN", READ_ONLY)
        for _ in range(2):
            assert [each.request.id for each in (await store.fetch(ListRequests())).items] == [good.id]
    assert "row.damaged" not in await world.events()
    for _ in range(2):
        await store.fetch(ListRequests())
    damaged = [entry.subject for entry in await world.trail() if entry.event == "row.damaged"]
    assert damaged == [bad.id]
    await store.close()
