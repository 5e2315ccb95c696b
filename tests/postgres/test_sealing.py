"""Lines are written raw and sealed behind: in any order of commits, by any process, each once and none forgotten."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hitl_core.audit import Report, verify
from hitl_core.audit.report import Fault
from hitl_core.commands import CancelRun, EraseRun, GetRequest, ReadAudit
from hitl_core.errors import StoreUnavailable
from hitl_core.protocol import AuditEntry
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.engine import engine, sealer
from hitl_core.stores.postgres.engine.locks import number
from hitl_core.stores.postgres.engine.trail import Trail
from hitl_core.testing.clock import START
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres


@pytest.fixture
def unsealed(store: PostgresStore, url: str) -> Iterator[Callable[[], None]]:
    """Nobody can seal meanwhile: another one is at it, and does not come to an end before this is called. Until then
    nobody waits for it for long.
    """
    with pytest.MonkeyPatch.context() as impatient, psycopg.connect(url) as other:
        impatient.setattr(engine, "_SEALING_MS", ("50", "3000"))
        other.execute("SELECT pg_advisory_xact_lock(%s)", (number(store.custody.origin, "trail"),))

        def ends() -> None:
            impatient.undo()
            other.rollback()

        yield ends


async def looked_at(url: str, folder: Path) -> Report:
    """What `hitl audit verify` finds: it seals nothing."""
    looking = await PostgresStore.open(url, folder=folder, anchoring=False)
    try:
        return await verify(looking, looking.custody)
    finally:
        await looking.close()


async def sound(store: PostgresStore) -> int:
    """How many lines are sealed, and all as they should be; whether they are anchored already does not matter."""
    report = await verify(store, store.custody)
    assert {each.fault for each in report.findings} <= {Fault.NO_ANCHORS}
    assert report.unsealed == 0
    return report.lines


async def lines(store: PostgresStore) -> tuple[AuditEntry, ...]:
    return (await store.fetch(ReadAudit())).items


def rows(url: str, sql: str, *given: Any) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql, given).fetchall()


async def test_who_reads_finds_every_line_sealed(store: PostgresStore) -> None:
    run, (request,) = await World(store).paused()
    await World(store).answer(request.approve(by="ann"))
    found = await lines(store)
    assert [entry.event for entry in found] == ["run.started", "request.opened", "run.paused", "request.decided"]
    assert [entry.seq for entry in found] == [1, 2, 3, 4]
    assert not any(entry.unsealed for entry in found)
    assert [each.seq for each in (await store.fetch(ReadAudit(run_id=run.id))).items] == [1, 2, 3, 4]


async def test_nobody_has_to_ask_for_it(store: PostgresStore, url: str) -> None:
    await World(store).paused()
    async with asyncio.timeout(30):
        while await asyncio.to_thread(rows, url, "SELECT COUNT(*) FROM hitl_raw") != [(0,)]:
            pass
    assert rows(url, "SELECT COUNT(*) FROM hitl_audit") == [(3,)]


# ── not sealed yet ───────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_not_sealed_yet_is_shown_as_that_and_missed_by_nobody(
    store: PostgresStore, unsealed: Callable[[], None], url: str, tmp_path: Path
) -> None:
    run, (request,) = await World(store).paused()
    await World(store).answer(request.approve(by="ann", reason="fine"))
    found = await lines(store)
    assert [(entry.seq, entry.unsealed, entry.mac) for entry in found] == [(n, True, "") for n in (1, 2, 3, 4)]
    assert found[-1].actor == "ann"
    of_run = (await store.fetch(ReadAudit(run_id=run.id))).items
    assert [entry.event for entry in of_run] == [entry.event for entry in found]
    assert (await store.fetch(GetRequest(request.id))).recorded_at == START
    report = await looked_at(url, tmp_path)
    assert (report.exit_code, report.lines, report.unsealed, report.waiting_since) == (0, 0, 4, START)
    unsealed()
    assert await sound(store) == 4


async def test_what_is_erased_is_sealed_first(store: PostgresStore, unsealed: Callable[[], None], url: str) -> None:
    world = World(store)
    run, (request,) = await world.paused()
    await world.answer(request.reject(by="ann", reason="for reasons of her own"))
    await store.apply(CancelRun(run.id, "ann", "no more", START))
    assert rows(url, "SELECT COUNT(*) FROM hitl_audit") == [(0,)]
    unsealed()
    await store.apply(EraseRun(run.id, "boss", "asked to", START))
    assert "ann" not in str(rows(url, "SELECT * FROM hitl_apart")) + str(rows(url, "SELECT * FROM hitl_raw"))
    assert await sound(store) == 7


async def test_who_is_frozen_while_it_seals_is_not_waited_for(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, thawed, real = threading.Event(), threading.Event(), Trail.some

    def freezes(self: Trail, link: Any, tip: Any) -> Any:
        if not frozen.is_set():
            frozen.set()
            assert thawed.wait(60)
        return real(self, link, tip)

    monkeypatch.setattr(Trail, "some", freezes)
    with monkeypatch.context() as impatient:
        impatient.setattr(engine, "_SEALING_MS", ("5000", "200"))
        await World(store).paused()
        await asyncio.to_thread(frozen.wait)
    assert [entry.unsealed for entry in await lines(store)] == [False] * 3
    thawed.set()
    await World(store).paused()
    assert await sound(store)


# ── in any order, each once ──────────────────────────────────────────────────────────────────────────────────


async def test_a_line_that_commits_late_is_sealed_late(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key is smaller than that of a line that is sealed already."""
    written, go_on, real = threading.Event(), threading.Event(), engine.Engine._commit

    def commits_late(self: Any, link: Any, word: Any) -> None:
        if not written.is_set():
            written.set()
            assert go_on.wait(60)
        real(self, link, word)

    monkeypatch.setattr(engine.Engine, "_commit", commits_late)
    late = asyncio.ensure_future(World(store).open(owner="late"))
    await asyncio.to_thread(written.wait)
    await World(store).open(owner="early")
    assert [entry.actor for entry in await lines(store)] == ["early"]
    go_on.set()
    await late
    assert [entry.actor for entry in await lines(store)] == ["early", "late"]
    assert await sound(store)


async def test_a_sealer_that_is_killed_leaves_no_gap_and_nothing_twice(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, real = list[Any](), Trail.some

    def is_killed(self: Trail, link: Any, tip: Any) -> Any:
        moved = real(self, link, tip)
        if len(killed) < 3:
            killed.append(moved)
            rows(url, "SELECT pg_terminate_backend(%s)", link.connection.info.backend_pid)
        return moved

    monkeypatch.setattr(Trail, "some", is_killed)
    for _ in range(4):
        await World(store).paused()
        await lines(store)
    assert len(killed) == 3
    found = await lines(store)
    assert [entry.seq for entry in found] == [*range(1, 13)]
    assert [entry.event for entry in found] == ["run.started", "request.opened", "run.paused"] * 4
    assert await sound(store)


async def test_many_sealers_seal_each_line_once(store: PostgresStore, url: str, tmp_path: Path) -> None:
    others = await asyncio.gather(*(PostgresStore.open(url, folder=tmp_path) for _ in range(3)))
    for _ in range(5):
        await asyncio.gather(*(World(each).paused() for each in (store, *others)))
        await asyncio.gather(*(lines(each) for each in (store, *others)))
    assert [entry.seq for entry in await lines(store)] == [*range(1, 61)]
    assert await sound(store)
    for each in others:
        await each.close()


async def test_what_a_killed_process_left_is_sealed_by_the_next(
    store: PostgresStore, unsealed: Callable[[], None], url: str, tmp_path: Path
) -> None:
    await World(store).paused()
    await store.close()
    unsealed()
    next_one = await PostgresStore.open(url, folder=tmp_path)  # it writes nothing, and waits for nothing
    async with asyncio.timeout(30):
        while await asyncio.to_thread(rows, url, "SELECT COUNT(*) FROM hitl_raw") != [(0,)]:
            pass
    await next_one.close()
    report = await looked_at(url, tmp_path)
    assert (report.exit_code, report.lines, report.anchored) == (0, 3, 3)


# ── with the database in their hands ─────────────────────────────────────────────────────────────────────────

CHANGED = [
    "UPDATE hitl_raw SET actor = 'eve' WHERE event = 'run.paused'",
    """INSERT INTO hitl_raw (line, at, event, subject, actor, body, mark)
        SELECT line + 100000, at, event, subject, 'eve', body, mark FROM hitl_raw WHERE event = 'run.paused'""",
    """INSERT INTO hitl_raw (line, at, event, subject, actor, body, mark)
        SELECT line + 100000, at, event, subject, actor, body, mark FROM hitl_raw WHERE event = 'run.paused'""",
    """UPDATE hitl_raw SET kept = '[["00", "eve", null, null]]' WHERE event = 'run.paused'""",
    "UPDATE hitl_raw SET kept = '{}' WHERE event = 'run.paused'",
]


@pytest.mark.parametrize("statement", CHANGED, ids=["edited", "forged", "repeated", "kept apart", "nothing apart"])
async def test_a_line_that_is_not_as_it_was_written_is_not_sealed_and_that_is_found(
    store: PostgresStore, unsealed: Callable[[], None], url: str, tmp_path: Path, statement: str
) -> None:
    await World(store).paused()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
    unsealed()
    found = await lines(store)
    assert [entry.event for entry in found][-1] == "row.damaged"
    assert "eve" not in {entry.actor for entry in found}
    assert rows(url, "SELECT COUNT(*) FROM hitl_raw WHERE refused") == [(1,)]
    report = await looked_at(url, tmp_path)
    assert (report.exit_code, report.unsealed) == (1, 0)
    await World(store).paused()
    assert (await lines(store))[-1].event == "run.paused", "the others go on"


async def test_with_another_key_nothing_is_sealed(store: PostgresStore, url: str, tmp_path: Path) -> None:
    await World(store).paused()
    await store.close()
    await (await PostgresStore.open(url, folder=tmp_path)).close()
    (tmp_path / "other.key").write_text("0" * 64)
    other = await PostgresStore.open(url, folder=tmp_path, audit_key=tmp_path / "other.key")
    await World(other).paused()
    assert [entry.unsealed for entry in await lines(other)] == [False] * 3 + [True] * 3
    await other.close()


# ── the thread ───────────────────────────────────────────────────────────────────────────────────────────────


def test_who_writes_faster_than_is_sealed_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "MOST", 3)
    monkeypatch.setattr(sealer, "ENOUGH", 1)
    free, sealed = threading.Semaphore(0), list[int]()

    def seal() -> None:
        assert free.acquire(timeout=60)
        sealed.append(1)

    one = sealer.Sealer(seal)
    one.written(2)
    writer = threading.Thread(target=one.written, args=(1,))
    monkeypatch.setattr(sealer, "PATIENCE", 60)
    writer.start()
    assert writer.is_alive()
    for _ in range(3):
        free.release()
    writer.join(60)
    assert not writer.is_alive()
    assert sealed
    one.close()


@pytest.mark.parametrize(
    ("error", "noted"), [(StoreUnavailable("not now"), 0), (ValueError("a line that nobody can read"), 2)], ids=str
)
def test_a_sealer_that_cannot_tries_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, noted: int
) -> None:
    """Also after an error that nobody has thought of, which is logged."""
    monkeypatch.setattr(sealer, "PATIENCE", 0.01)
    monkeypatch.setattr(sealer, "LINGER", 0)
    tried, done = list[int](), threading.Event()

    def seal() -> None:
        tried.append(1)
        if len(tried) < 3:
            raise error
        done.set()

    one = sealer.Sealer(seal)
    one.written(1)
    assert done.wait(60)
    assert one.alive
    assert caplog.text.count("for a reason that is not known") == noted
    one.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sealer_that_has_died_says_so_and_is_replaced_when_lines_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "LINGER", 0)
    tried, done = list[int](), threading.Event()

    def seal() -> None:
        tried.append(1)
        if len(tried) == 1:
            raise SystemExit
        done.set()

    one = sealer.Sealer(seal)
    one.written(1)
    assert one._thread is not None
    one._thread.join(60)
    alive = [one.alive]
    one.written(1)
    alive.append(one.alive)
    assert alive == [False, True]
    assert done.wait(60)
    one.close()
