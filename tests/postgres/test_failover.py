"""The server is gone and its standby takes over: clients find it, and what it never had is found out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hitl_core.audit import verify
from hitl_core.audit.report import Fault
from hitl_core.commands import ClaimRuns, ListRequests
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import AuditEvent
from hitl_core.stores.postgres import PostgresStore
from hitl_core.testing.clock import START
from tests.core.stores.world import World
from tests.postgres.standby import Pair, a_pair
from tests.postgres.test_restart import answered

pytestmark = [pytest.mark.postgres, pytest.mark.processes]
LONG = 120.0


@pytest.fixture
def pair() -> Iterator[Pair]:
    with a_pair() as both:
        yield both


async def test_a_standby_that_has_each_commit_loses_nothing_and_nothing_is_done_twice(
    pair: Pair, tmp_path: Path
) -> None:
    store, other = [await PostgresStore.open(pair.url, folder=tmp_path) for _ in range(2)]
    world = World(store)
    paused = [await world.paused(count=4) for _ in range(30)]
    requests = [request for _, several in paused for request in several]
    pair.wait_for_each_commit()
    await other.changed(timeout=0)
    with ThreadPoolExecutor(4) as people:
        done = [people.submit(answered, store, request) for request in requests]
        await asyncio.wrap_future(done[len(done) // 3])
        await asyncio.to_thread(pair.fail_over)
    assert all(each.result() is None for each in done)
    assert {await world.state(request) for request in requests} == {RequestState.DECIDED}
    assert (await world.events()).count(AuditEvent.REQUEST_DECIDED) == len(requests)
    claimed = [store.apply_blocking(ClaimRuns(f"worker-{number}", 3600, START, 8)) for number in range(8)]
    assert Counter(each.run.id for taken in claimed for each in taken) == Counter(run.id for run, _ in paused)
    await hears_of_others(other, world)
    for each in (store, other):
        await each.close()
    again = await PostgresStore.open(pair.url, folder=tmp_path)
    assert (await verify(again, again.custody)).findings == ()
    await again.close()


async def hears_of_others(waits: PostgresStore, world: World) -> None:
    """Also after the server that it listened at is gone."""
    async with asyncio.timeout(LONG):
        await waits.changed(timeout=LONG)  # of what happened meanwhile
        waiting = asyncio.ensure_future(waits.changed(timeout=LONG))
        await asyncio.wait((waiting,), timeout=0.2)
        await world.open()
        await waiting


async def test_commits_that_a_standby_never_had_are_found_out_by_the_anchors(pair: Pair, tmp_path: Path) -> None:
    store = await PostgresStore.open(pair.url, folder=tmp_path)
    world = World(store)
    _, requests = await world.paused(count=3)
    await world.answer(requests[0].approve(by="ann"))
    await store.close()
    pair.catch_up()
    pair.stop_standby()
    store = world.store = await PostgresStore.open(pair.url, folder=tmp_path)
    known = len(await world.trail())
    await world.answer(requests[1].approve(by="ann"))
    await world.answer(requests[2].approve(by="ann"))
    await store.close()
    pair.fail_over(from_behind=True)
    store = world.store = await PostgresStore.open(pair.url, folder=tmp_path)
    left = [each.request.id for each in (await store.fetch(ListRequests())).items]
    report = await verify(store, store.custody)
    assert left == [requests[1].id, requests[2].id]
    assert [(each.fault, each.first) for each in report.findings] == [(Fault.TRUNCATED, known + 1)]
    assert report.exit_code == 1
    await world.paused(count=5)  # who goes on does not hide it
    await store.close()
    store = await PostgresStore.open(pair.url, folder=tmp_path)
    assert Fault.REWRITTEN in [each.fault for each in (await verify(store, store.custody)).findings]
    await store.close()
