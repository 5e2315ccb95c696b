"""The writer: batches, threads and loops, and that one bad command harms no other."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeout
from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import (
    BeginEffect,
    Command,
    FireTimers,
    GetCheckpoint,
    GetRun,
    LiftStop,
    ListEffects,
    ListRequests,
    OpenRun,
    PauseRun,
    PerformEffect,
    RenewLease,
    StopScope,
)
from hitl_core.errors import RecordError, RunBusy, StoreUnavailable
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import EffectMode, Json
from hitl_core.stores.sql.tables import Link, Transaction
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.engine.job import Job
from hitl_core.stores.sqlite.engine.writer import MOST, Writer
from hitl_core.stores.sqlite.file.connection import Readers
from hitl_core.stores.sqlite.file.location import Location
from hitl_core.testing.clock import START
from tests.core.stores.world import REFUND, World


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "desk.db")
    yield store
    await store.close()


@pytest.fixture
def world(store: SqliteStore) -> World:
    return World(store)


def open_run(world: World, **fields: Any) -> OpenRun:
    return OpenRun(world.run(**fields), "w", 30, world.now)


class Slow:
    """Stands for the engine: notes its batches, and holds the first one until it is let go."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.let_go = threading.Event()
        self.begun = threading.Event()

    def __call__(self, jobs: Sequence[Job[Any]]) -> bool:
        self.batches.append(len(jobs))
        self.begun.set()
        self.let_go.wait()
        for job in jobs:
            job.succeed(len(self.batches))
        return True


ANYTHING: Command[Any] = FireTimers(START)


async def test_what_comes_meanwhile_shares_the_next_transaction() -> None:
    slow, rings = Slow(), []
    writer = Writer(slow, after=lambda: rings.append(1))
    first = asyncio.ensure_future(writer.awaited(ANYTHING))
    await asyncio.to_thread(slow.begun.wait)
    rest = [asyncio.ensure_future(writer.awaited(ANYTHING)) for _ in range(MOST + 10)]
    await asyncio.sleep(0)
    slow.let_go.set()
    await asyncio.gather(first, *rest)
    writer.close()
    assert slow.batches == [1, MOST, 10]
    assert len(rings) == 3


async def test_user_code_shares_its_transaction_with_nobody() -> None:
    slow = Slow()
    writer = Writer(slow, after=lambda: None)
    first = asyncio.ensure_future(writer.awaited(ANYTHING))
    await asyncio.to_thread(slow.begun.wait)
    solo: Any = PerformEffect(BeginEffect(None, "c", REFUND, EffectMode.LEDGER, START), lambda _: None)  # type: ignore[arg-type]
    commands = [ANYTHING, solo, solo, ANYTHING, ANYTHING]
    rest = [asyncio.ensure_future(writer.awaited(each)) for each in commands]
    await asyncio.sleep(0)
    slow.let_go.set()
    await asyncio.gather(first, *rest)
    writer.close()
    assert slow.batches == [1, 1, 1, 1, 2]


async def test_closing_finishes_what_is_queued() -> None:
    slow = Slow()
    slow.let_go.set()
    writer = Writer(slow, after=lambda: None)
    lost: list[BaseException] = []
    writer.post(ANYTHING, lost=lost.append)
    waiting = [asyncio.ensure_future(writer.awaited(ANYTHING)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.to_thread(writer.close)
    await asyncio.gather(*waiting)
    assert (sum(slow.batches), lost) == (6, [])
    with pytest.raises(StoreUnavailable, match="closed"):
        await writer.awaited(ANYTHING)


def test_closing_waits_for_what_another_thread_is_at() -> None:
    """The engine closes its connection then: it may not be in use."""
    slow = Slow()
    writer = Writer(slow, after=lambda: None)
    with ThreadPoolExecutor(2) as pool:
        at_it = pool.submit(writer.blocking, ANYTHING)
        slow.begun.wait()
        closing = pool.submit(writer.close)
        with pytest.raises(FuturesTimeout):
            closing.result(0.1)
        slow.let_go.set()
        closing.result()
        assert at_it.result() == 1
    writer._closed = False  # as if it had been looked at before
    with pytest.raises(StoreUnavailable, match="closed"):
        writer.blocking(ANYTHING)
    assert slow.batches == [1]


def test_an_effect_that_closes_its_store_does_not_wait_for_itself() -> None:
    def perform(jobs: Sequence[Job[Any]]) -> bool:
        writer.close()
        for job in jobs:
            job.succeed("done")
        return False

    writer = Writer(perform, after=lambda: None)
    assert writer.blocking(ANYTHING) == "done"


def test_an_interrupted_batch_fails_and_the_next_one_works() -> None:
    calls = []

    def perform(jobs: Sequence[Job[Any]]) -> bool:
        calls.append(jobs)
        if len(calls) == 1:
            raise KeyboardInterrupt
        for job in jobs:
            job.succeed("fine")
        return False

    writer = Writer(perform, after=lambda: None)
    with pytest.raises(KeyboardInterrupt):
        writer.blocking(ANYTHING)
    with pytest.raises(StoreUnavailable, match="interrupted by KeyboardInterrupt"):
        calls[0][0].wait()
    assert writer.blocking(ANYTHING) == "fine"
    writer.close()


async def test_a_bug_fails_its_batch_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    results = iter([RuntimeError("a bug"), RuntimeError("again")])

    def perform(jobs: Sequence[Job[Any]]) -> bool:
        for error in results:
            raise error
        for job in jobs:
            job.succeed("fine")
        return False

    writer = Writer(perform, after=lambda: None)
    with pytest.raises(StoreUnavailable, match="RuntimeError"):
        await writer.awaited(ANYTHING)
    with pytest.raises(StoreUnavailable, match="RuntimeError"):
        writer.blocking(ANYTHING)
    assert await writer.awaited(ANYTHING) == writer.blocking(ANYTHING) == "fine"
    assert "RuntimeError" in caplog.text
    writer.close()


def test_a_blocking_caller_that_finds_the_writer_busy_is_served_by_whoever_is_at_it() -> None:
    slow = Slow()
    writer = Writer(slow, after=lambda: None)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(writer.blocking, ANYTHING)
        slow.begun.wait()
        rest = [pool.submit(writer.blocking, ANYTHING) for _ in range(2)]
        while len(writer._queue) < 2:  # both have queued up
            pass
        slow.let_go.set()
        assert first.result() == 1
        assert [each.result() for each in rest] == [2, 2]
    writer.close()


# ── with a store behind it ───────────────────────────────────────────────────────────────────────────────────


def test_a_caller_that_comes_too_late_to_its_own_command_carries_out_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    done = Slow()
    done.let_go.set()
    writer = Writer(done, after=lambda: None)
    turn = threading.Lock()

    class Late:
        """Between the caller's look and its turn, the writer's thread is given the time for a whole batch."""

        def acquire(self, *, blocking: bool) -> bool:
            if threading.current_thread() is threading.main_thread():
                writer._rouse()
                done.begun.wait()
                with turn:
                    pass
            return turn.acquire(blocking=blocking)

        def release(self) -> None:
            turn.release()

    monkeypatch.setattr(writer, "_turn", Late())
    assert writer.blocking(ANYTHING) == 1
    monkeypatch.setattr(writer, "_turn", turn)
    writer.close()
    assert done.batches == [1]


async def test_threads_and_loops_write_at_once(store: SqliteStore, world: World) -> None:

    def blocking() -> None:
        for _ in range(20):
            store.apply_blocking(open_run(world))

    async def awaiting() -> None:
        await asyncio.gather(*(store.apply(open_run(world)) for _ in range(20)))

    await asyncio.gather(
        *(asyncio.to_thread(blocking) for _ in range(3)),
        *(asyncio.to_thread(asyncio.run, awaiting()) for _ in range(3)),
        awaiting(),
    )
    assert await world.events() == ["run.started"] * 140


async def test_a_command_that_fails_takes_no_other_with_it(store: SqliteStore, world: World) -> None:
    known = (await world.open()).run
    claimed = await world.open()
    good = [open_run(world) for _ in range(5)]
    bad_effect = BeginEffect(claimed.lease, "\ud800", REFUND, EffectMode.LEDGER, world.now)
    bad: list[Any] = [open_run(world, id=known.id), bad_effect]
    results = await asyncio.gather(*map(store.apply, [*good[:3], *bad, *good[3:]]), return_exceptions=True)
    assert [isinstance(each, BaseException) for each in results] == [False] * 3 + [True] * 2 + [False] * 2
    assert isinstance(results[3], RunBusy)
    for each in good:
        assert (await store.fetch(GetRun(each.run.id))).state == "running"
    assert await store.fetch(ListEffects(claimed.run.id)) == ()
    assert (await world.events()).count("run.started") == 7


async def test_what_was_written_before_a_failure_is_undone(store: SqliteStore, world: World) -> None:
    """Of the one command, whether it has a transaction of its own or shares one."""
    _, (known,) = await world.paused()
    claimed = await world.open()
    pair = (world.request(claimed, "refund#1"), world.request(claimed, "refund#2", id=known.id))
    pause = PauseRun(claimed.lease, {"step": 1}, pair, world.now)
    for others in ([], [open_run(world), open_run(world)]):
        results = await asyncio.gather(*map(store.apply, [pause, *others]), return_exceptions=True)
        assert [isinstance(each, RecordError) for each in results] == [True, *(False for _ in others)]
    assert len((await store.fetch(ListRequests(states=()))).items) == 1
    assert (await world.events()).count("request.opened") == 1
    assert (await store.fetch(GetCheckpoint(claimed.run.id))) is None


async def test_a_batch_is_carried_out_once_unless_one_of_it_had_written_before_it_failed(
    store: SqliteStore, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (known,) = await world.paused()
    claimed = await world.open()
    writes_first = PauseRun(
        claimed.lease, None, (world.request(claimed, "a"), world.request(claimed, "b", id=known.id)), world.now
    )
    looks_first = open_run(world, id=claimed.run.id)
    begun, real = list[Link](), Transaction.__init__

    def begin(self: Transaction, link: Link) -> None:
        begun.append(link)
        real(self, link)

    monkeypatch.setattr(Transaction, "__init__", begin)
    for bad, error, transactions in ((looks_first, RunBusy, 1), (writes_first, RecordError, 2)):
        begun.clear()
        good = [open_run(world) for _ in range(4)]
        results = await asyncio.gather(*map(store.apply, [*good[:2], bad, *good[2:]]), return_exceptions=True)
        assert [isinstance(each, error) for each in results] == [False, False, True, False, False]
        assert len(begun) == transactions
        for each in good:
            assert (await store.fetch(GetRun(each.run.id))).state == "running"
    assert (await world.events()).count("run.started") == 10
    assert len((await store.fetch(ListRequests(states=()))).items) == 1


async def test_who_asks_for_one_run_over_and_over_takes_no_turn_at_writing(
    store: SqliteStore, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, (request,) = await world.paused()
    performed, real = list[Any](), store._writer._perform

    def perform(jobs: Sequence[Job[Any]]) -> bool:
        performed.extend(jobs)
        return real(jobs)

    monkeypatch.setattr(store._writer, "_perform", perform)

    async def claims() -> tuple[int, int]:
        performed.clear()
        taken = [each for name in (run.id, "x") for each in await world.claims(run_id=name)]
        return len(taken), len(performed)

    assert await claims() == (0, 0)  # it waits for its answer
    await world.answer(request.approve(by="ann"))
    await world.stop(StopScope.RUN, run.id)
    assert await claims() == (0, 0)
    await store.apply(LiftStop(StopScope.RUN, run.id, "fine", "boss", world.now))
    await world.stop(StopScope.TENANT, "of others")
    assert await claims() == (1, 1)
    assert await claims() == (0, 0)  # it is at work
    world.later(60)
    await store.apply(LiftStop(StopScope.TENANT, "of others", "fine", "boss", world.now))
    assert await claims() == (1, 1)


async def test_an_effect_that_would_wait_for_itself_fails_instead(store: SqliteStore) -> None:
    claimed = await World(store).open()

    def write_from_inside(transaction: Any) -> Json:
        store.apply_blocking(open_run(World(store)))
        return None

    begin = BeginEffect(claimed.lease, "c", REFUND, EffectMode.TRANSACTIONAL, START)
    effect = await store.apply(PerformEffect(begin, write_from_inside))
    assert effect.state is ActionState.FAILED
    assert "wait for itself" in effect.error


@pytest.mark.parametrize("url", ["sqlite:///desk.db", "sqlite://"])
async def test_an_effect_may_read_the_store(tmp_path: Path, url: str) -> None:
    store = await SqliteStore.open(url, folder=tmp_path)
    claimed = await World(store).open()
    begin = BeginEffect(claimed.lease, "c", REFUND, EffectMode.TRANSACTIONAL, START)
    look = PerformEffect(begin, lambda _: store.fetch_blocking(GetRun(claimed.run.id)).backend)
    assert (await store.apply(look)).result == "plain"
    await store.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "desk.db")
    await store.close()
    await store.close()
    for use in (store.fetch(GetRun("x")), store.apply(ANYTHING), store.changed(timeout=0)):
        with pytest.raises(StoreUnavailable, match="is closed"):
            await use


async def test_to_stop_waiting_does_not_undo(store: SqliteStore, world: World) -> None:
    command = open_run(world)
    waiting = asyncio.ensure_future(store.apply(command))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await store.apply(open_run(world))
    assert (await store.fetch(GetRun(command.run.id))).state == "running"


def test_a_loop_that_is_gone_takes_nobody_with_it(tmp_path: Path) -> None:
    store = SqliteStore.open_blocking(tmp_path / "desk.db")
    world = World(store)
    loop = asyncio.new_event_loop()
    future: asyncio.Future[Any] = loop.create_future()
    store._writer._queue.append(Job(open_run(world), future))
    loop.close()
    store.apply_blocking(open_run(world))
    store.close_blocking()
    assert not future.done()


async def test_a_value_that_no_database_holds_is_refused(store: SqliteStore, world: World) -> None:
    lease = (await world.open()).lease
    with pytest.raises(RecordError, match="cannot be kept"):
        await store.apply(RenewLease(lease, 1e300, world.now))


async def test_a_store_that_was_opened_by_another_process_says_so(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as forked:
        forked.setattr(store, "_process", -1)
        with pytest.raises(StoreUnavailable, match="before a fork"):
            store.fetch_blocking(GetRun("x"))
        await store.close()


def test_a_reader_that_is_still_reading_when_the_store_closes_closes_behind_itself(tmp_path: Path) -> None:
    SqliteStore.open_blocking(tmp_path / "desk.db").close_blocking()
    readers = Readers(Location(tmp_path / "desk.db"))
    lent: list[sqlite3.Connection] = []

    def work(connection: sqlite3.Connection) -> None:
        lent.append(connection)
        readers.close()

    readers.read(work)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        lent[0].execute("SELECT 1")


FORK = """
import os, sys
from hitl_core.commands import GetRun
from hitl_core.errors import StoreUnavailable
from hitl_core.stores.sql.tables import Link, Transaction
from hitl_core.stores.sqlite import SqliteStore

store = SqliteStore.open_blocking(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        store.fetch_blocking(GetRun("x"))
    except StoreUnavailable as exc:
        store.close_blocking()
        os._exit(7 if "before a fork" in str(exc) else 2)
    os._exit(1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
store.close_blocking()
sys.exit(status)
"""


@pytest.mark.processes
def test_a_fork_has_to_open_its_own(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORK, str(tmp_path / "desk.db")], check=False)
    assert done.returncode == 7
