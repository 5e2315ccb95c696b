"""Scenarios 30 and 31 on a file: the disk refuses to work, and the power fails (disk.py is the disk)."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hitl_core.audit import verify
from hitl_core.commands import Claimed, GetRequest, GetRun, Lease, ListEffects, RecordResponse
from hitl_core.errors import RequestNotFound, StoreUnavailable
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import AuditEvent, PauseRequest, RunState
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.file import connection as files
from hitl_core.testing.clock import START
from hitl_core.testing.processes import Order, Processes
from tests.core.stores.world import World
from tests.faults.disk import FULL, IOERR_FSYNC, IOERR_WRITE, Disk
from tests.faults.scenarios import many, scenario

pytestmark = pytest.mark.processes
PEOPLE = 3


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(__name__) as warm:
        yield warm


# ── the power fails ──────────────────────────────────────────────────────────────────────────────────────────


def answers_until_the_power_fails(folder: str, seed: int, synced: bool) -> None:
    """Open runs and answer them from several threads, until the power fails; `said.json` has what was acknowledged."""
    random.seed(seed)
    here = Path(folder)
    if not synced:
        _configure = files._configure

        def careless(connection: sqlite3.Connection, writes: bool) -> None:
            _configure(connection, writes)
            connection.execute("PRAGMA synchronous = NORMAL")

        files._configure = careless
    disk = Disk.under_sqlite()
    store = SqliteStore.open_blocking(here / "store.db")
    world, said = World(store), list[str]()
    requests = [each for _ in range(4) for each in asyncio.run(world.paused(count=20))[1]]

    def leave() -> None:
        acknowledged = [*said]
        (here / "after" / "said.json").write_text(json.dumps(acknowledged))
        (here / "after" / "store.db.key").write_bytes((here / "store.db.key").read_bytes())

    disk.keep_beside(here / "store.db.anchors")
    store._parts.engine._sealed.__self__._every_lines = 5  # type: ignore[attr-defined]  # anchors at once
    (here / "after").mkdir()
    disk.cut_after(random.randint(20, 200), here / "after", leave)

    def answer(request: PauseRequest) -> None:
        store.apply_blocking(RecordResponse(request.approve(by="ann"), START))
        said.append(request.id)

    with ThreadPoolExecutor(PEOPLE) as people:
        list(people.map(answer, requests))
    raise AssertionError("the power never failed")


async def lost(folder: Path) -> list[str]:
    """The acknowledged answers that are not there when the power is back; everything else must be in order."""
    path = folder / "after" / "store.db"
    store = await SqliteStore.open(path)
    said = json.loads((folder / "after" / "said.json").read_text())
    states = {each: (await store.fetch(GetRequest(each))).state for each in said}
    decided = (await World(store).events()).count(AuditEvent.REQUEST_DECIDED)
    assert decided >= sum(state is RequestState.DECIDED for state in states.values())
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return [each for each, state in states.items() if state is not RequestState.DECIDED]


@scenario(31)
async def test_acknowledged_answers_survive_a_power_failure(tmp_path: Path, processes: Processes) -> None:
    """Fails without `synchronous = FULL` in stores/sqlite/file/connection.py, as the next test shows."""
    kept = 0
    for seed in range(many(6, full=200)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        ended = processes.run(Order.of(answers_until_the_power_fails, folder=str(folder), seed=seed, synced=True))
        assert ended.killed, ended
        assert await lost(folder) == [], f"seed {seed}"
        store = await SqliteStore.open(folder / "after" / "store.db")
        assert (await verify(store, store.custody)).exit_code == 0
        await World(store).paused()
        await store.close()
        kept += len(json.loads((folder / "after" / "said.json").read_text()))
    assert kept > 0


@scenario(31)
async def test_without_the_flush_answers_would_be_lost(tmp_path: Path, processes: Processes) -> None:
    """The disk of these tests does forget."""
    gone = 0
    for seed in range(6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        processes.run(Order.of(answers_until_the_power_fails, folder=str(folder), seed=seed, synced=False))
        try:
            gone += len(await lost(folder))
        except Exception:
            gone += 1
    assert gone > 0


# ── the disk refuses ─────────────────────────────────────────────────────────────────────────────────────────

FAILURES = {"full": {"write": FULL}, "fails to write": {"write": IOERR_WRITE}, "fails to flush": {"sync": IOERR_FSYNC}}


async def meets_every_failure(folder: str, failure: str) -> dict[str, int]:
    """Pause, answer and begin an effect, while the disk fails from its n-th operation on, for every n there is."""
    disk = Disk.under_sqlite()
    store = await SqliteStore.open(Path(folder) / "store.db")
    world, refused = World(store), 0
    for after in range(1_000):
        claimed = await world.open()
        request = world.request(claimed)
        disk.refuse(**FAILURES[failure], after=after)
        done = await _until_refused(world, claimed, request)
        disk.heal()
        assert await _steps(store, claimed, request) == done, f"after {after} operations"
        assert done + len(await _go_on(world, claimed, request, done)) == 4
        if done == 4:
            break
        refused += 1
    await store.close()
    again = await SqliteStore.open(Path(folder) / "store.db")
    report = await verify(again, again.custody)
    await again.close()
    return {"refused": refused, "exit_code": report.exit_code, "findings": len(report.findings)}


async def _until_refused(world: World, claimed: Claimed, request: PauseRequest) -> int:
    """How many steps were acknowledged."""
    done = 0
    for step in _walk(world, claimed, request):
        try:
            await step()
        except StoreUnavailable:
            return done
        done += 1
    return done


async def _go_on(world: World, claimed: Claimed, request: PauseRequest, done: int) -> list[object]:
    """Take the steps that are left, now that the disk works again."""
    return [await step() for step in _walk(world, claimed, request)[done:]]


def _walk(world: World, claimed: Claimed, request: PauseRequest) -> list[Callable[[], Awaitable[object]]]:
    async def begin() -> object:
        return await world.begin((await _lease(world, claimed)), request.call, request_id=request.id)

    return [
        lambda: world.pause(claimed, request),
        lambda: world.answer(request.approve(by="ann")),
        lambda: world.claim(claimed.run),
        begin,
    ]


async def _lease(world: World, claimed: Claimed) -> Lease:
    return replace(claimed.lease, owner="worker-2", fence=claimed.lease.fence + 1)


async def _steps(store: SqliteStore, claimed: Claimed, request: PauseRequest) -> int:
    """How many of the four steps the store has."""
    if await store.fetch(ListEffects(claimed.run.id)):
        return 4
    state = (await store.fetch(GetRun(claimed.run.id))).state
    return {RunState.PAUSED: 1, RunState.READY: 2}.get(state, 3 if await _asked(store, request) else 0)


async def _asked(store: SqliteStore, request: PauseRequest) -> bool:
    try:
        await store.fetch(GetRequest(request.id))
    except RequestNotFound:
        return False
    return True


@scenario(30)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_disk_that_fails_at_any_moment_leaves_nothing_half(
    tmp_path: Path, processes: Processes, failure: str
) -> None:
    """Fails if engine.py keeps its connection after an error, or acknowledges before COMMIT."""
    ended = processes.run(Order.of(meets_every_failure, folder=str(tmp_path), failure=failure))
    assert not ended.error, ended
    assert ended.result["refused"] > 4
    assert (ended.result["exit_code"], ended.result["findings"]) == (0, 0)
