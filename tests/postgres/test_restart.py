"""The server is stopped as in a crash while people answer: no acknowledged answer is lost, and who waits is woken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hitl_core.audit import verify
from hitl_core.commands import ListRequests, RecordResponse
from hitl_core.errors import StoreUnavailable
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import AuditEvent, PauseRequest
from hitl_core.stores.postgres import PostgresStore
from hitl_core.testing.clock import START
from tests.core.stores.world import World
from tests.postgres.server import a_schema, a_server, restart

pytestmark = [pytest.mark.postgres, pytest.mark.processes]
RESTARTS = 3
LONG = 60.0


@pytest.fixture
def own_server() -> Iterator[str]:
    """One that nobody else uses."""
    with a_server() as url:
        yield url


def answered(store: PostgresStore, request: PauseRequest) -> None:
    """As a client does it: where it is not known whether the answer was kept, the same one is given again."""
    while True:
        try:
            store.apply_blocking(RecordResponse(request.approve(by="ann"), START))
        except StoreUnavailable:
            continue
        return


async def test_answers_survive_a_server_that_is_stopped_again_and_again(own_server: str, tmp_path: Path) -> None:
    url = a_schema(own_server, tmp_path)
    store = await PostgresStore.open(url, folder=tmp_path)
    world = World(store)
    requests = [request for _ in range(12) for request in (await world.paused(count=20))[1]]
    with ThreadPoolExecutor(4) as people:
        done = [people.submit(answered, store, request) for request in requests]
        for number in range(1, RESTARTS + 1):
            enough = done[number * len(done) // (RESTARTS + 2)]
            await asyncio.wrap_future(enough)
            await asyncio.to_thread(restart, own_server)
    assert all(each.result() is None for each in done)
    states = [await world.state(request) for request in requests]
    assert set(states) == {RequestState.DECIDED}
    assert (await world.events()).count(AuditEvent.REQUEST_DECIDED) == len(requests)
    assert (await store.fetch(ListRequests())).items == ()
    await store.close()
    again = await PostgresStore.open(url, folder=tmp_path)
    assert (await verify(again, again.custody)).findings == ()
    await again.close()


async def test_who_waits_hears_of_changes_after_a_restart(own_server: str, tmp_path: Path) -> None:
    url = a_schema(own_server, tmp_path)
    one, other = [await PostgresStore.open(url, folder=tmp_path) for _ in range(2)]
    await one.changed(timeout=0)
    waiting = asyncio.ensure_future(one.changed(timeout=LONG))
    await asyncio.to_thread(restart, own_server)
    await World(other).open()
    async with asyncio.timeout(LONG / 2):
        await waiting
    await one.close()
    await other.close()
