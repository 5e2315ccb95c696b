"""Scenarios 27 to 29: PostgreSQL is restarted, is replaced, or dies in the middle of a COMMIT."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hitl_core.errors import StoreUnavailable
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Run, RunState
from hitl_core.runtime import Runtime
from tests.core.stores.world import World
from tests.faults.checker import faults, left
from tests.faults.diary import ACKNOWLEDGED, Diary
from tests.faults.installed import Installed
from tests.faults.line import Cut, a_line
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario
from tests.postgres.server import a_schema, a_server, restart

pytestmark = [pytest.mark.postgres, pytest.mark.processes]
LONG = 120.0


@pytest.fixture
def own_server() -> Iterator[str]:
    """One that nobody else uses."""
    with a_server() as url:
        yield url


async def answered(hitl: Runtime, run: Run, diary: Diary) -> None:
    """As a client does it: where it is not known whether the answer was kept, the same one is given again."""
    (request,) = run.pending
    while True:
        try:
            await hitl.respond(request.approve(by="ann"))
        except StoreUnavailable:
            continue
        diary.write(request=request.id, by="ann", decision="approve", got="won")
        return


@scenario(27)
async def test_workers_that_listen_lose_nothing_when_the_server_is_restarted(own_server: str, folder: Path) -> None:
    """Fails if a worker, or a client, ends with its connection (connection.py, `failed`). That who is connected again
    looks first, before anybody tells it anything, is tried in tests/postgres/test_engine.py."""
    place = Place(a_schema(own_server, folder), folder)
    desk, diary = Installed.at(place, lease=5.0), Diary(folder / ACKNOWLEDGED)
    runs = await desk.paused(many(12, full=120))
    restarts = many(2, full=8)
    with desk.worker(), desk.worker():
        async with desk.open() as hitl:
            for number in range(restarts):
                some = runs[number :: restarts + 1]
                people = [asyncio.ensure_future(answered(hitl, run, diary)) for run in some[: len(some) // 2]]
                await asyncio.to_thread(restart, own_server)
                people += [asyncio.ensure_future(answered(hitl, run, diary)) for run in some[len(some) // 2 :]]
                await asyncio.gather(*people)
                await _over(hitl, some)
            last = runs[restarts :: restarts + 1]
            await asyncio.to_thread(restart, own_server)
            await _accepts(own_server)
            await asyncio.gather(*(answered(hitl, run, diary) for run in last))
            await _over(hitl, last)
    assert faults(await left(place), over=True) == []


async def _over(hitl: Runtime, runs: list[Run]) -> None:
    async with asyncio.timeout(LONG):
        for run in runs:
            while (await hitl.run(run.id)).state is not RunState.COMPLETED:
                await hitl.store.changed(timeout=1.0)


async def _accepts(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("SELECT 1")


# ── the answer to a COMMIT is lost ───────────────────────────────────────────────────────────────────────────


@scenario(29)
@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
async def test_a_commit_whose_answer_is_lost_is_unknown_and_settled_by_the_same_answer(
    server: str, folder: Path, cut: Cut
) -> None:
    """Fails if a lost COMMIT is tried again by itself, or told as refused (engine.py, `_commit`)."""
    with a_line(server) as line:
        place = Place(a_schema(line.url, folder), folder)
        diary = Diary(folder / ACKNOWLEDGED)
        store = await place.store()
        world, unknown, tries, enough = World(store), 0, 0, many(20, full=300)
        while tries < enough or unknown <= enough // 2:  # some of them are those of whoever seals the trail
            tries += 1
            _, (request,) = await world.paused()
            response = request.approve(by="ann").model_copy(update={"idempotency_key": request.id})
            line.at_commit = cut
            kept = cut is Cut.AFTER
            try:
                await world.answer(response)
                kept = True  # it was such a COMMIT
            except StoreUnavailable as exc:
                assert "whether it was kept is not known" in str(exc)  # noqa: PT017
                unknown += 1
            assert await world.state(request) is (RequestState.DECIDED if kept else RequestState.OPEN)
            recorded = await world.answer(response)
            assert recorded.replayed is kept
            diary.write(request=request.id, by="ann", decision="approve", got="won")
        await store.close()
        assert line.cuts >= unknown
        assert faults(await left(place)) == []


# ── a server that promises too early ─────────────────────────────────────────────────────────────────────────


@scenario(31)
async def test_an_acknowledged_answer_is_on_the_disk_of_a_server_that_is_careless(
    own_server: str, folder: Path
) -> None:
    """Its database says `synchronous_commit = off`: a crash takes what it has acknowledged in the last half second."""
    with psycopg.connect(own_server, autocommit=True) as connection:
        connection.execute("ALTER DATABASE postgres SET synchronous_commit = off")
        connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        connection.execute("SELECT pg_reload_conf()")
    place = Place(a_schema(own_server, folder), folder)
    diary = Diary(folder / ACKNOWLEDGED)
    for _ in range(many(2, full=10)):
        store = await place.store()
        world = World(store)
        for _ in range(5):
            _, (request,) = await world.paused()
            await world.answer(request.approve(by="ann"))
            diary.write(request=request.id, by="ann", decision="approve", got="won")
        await asyncio.to_thread(restart, own_server)
        await store.close()
        # A server that crashes in the first second has let nobody anchor anything.
        assert [each for each in faults(await left(place)) if "no_anchors" not in each] == []
