"""On a server lines get their numbers behind the commits that wrote them: who listens is told them in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hitl_core.server.feed import Hub
from hitl_core.stores.postgres import PostgresStore
from tests.core.stores.world import World
from tests.postgres.server import a_schema, a_server
from tests.server.feed.test_hub import told

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with a_server() as url:
        yield url


async def test_what_many_write_at_once_is_told_in_order_and_once(server: str, tmp_path: Path) -> None:
    url, writers, each_writes = a_schema(server, tmp_path), 3, 20
    last = 3 * writers * each_writes
    async with AsyncExitStack() as last_of_all:
        stores = [await PostgresStore.open(url, folder=tmp_path) for _ in range(writers + 1)]
        for store in stores:
            last_of_all.push_async_callback(store.close)
        hub = Hub(stores[-1])
        last_of_all.push_async_callback(hub.close)

        async def write(store: PostgresStore) -> None:
            for _ in range(each_writes):
                await World(store).paused()

        listening = [asyncio.create_task(told(hub, last, after=0)) for _ in range(5)]
        await asyncio.gather(*(write(store) for store in stores[:-1]))
        async with asyncio.timeout(60):
            for each in listening:
                assert [int(one["id"]) for one in await each] == list(range(1, last + 1))
