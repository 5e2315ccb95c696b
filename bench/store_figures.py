"""The embedded store: inbox page, durable answer, a whole cycle, and answers that come all at once."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from hitl_core.commands import ClaimRuns, FinishRun, ListRequests, OpenRun, PauseRun, RecordResponse
from hitl_core.protocol import PauseRequest, RunState
from hitl_core.stores.sqlite import SqliteStore

from .bulk import checked, filled_file
from .filled import Blocking, request_record, run_record
from .yardsticks import Figure, disk_probe, median, microseconds, percentile, timed

PAGE: Final = 50
ROUNDS: Final = 8
ANSWERS: Final = 500
CALLERS: Final = (8, 64, 256)
SECONDS: Final = 0.5
"""How long one round of a burst takes at most, and how long the disk is asked before it."""


async def figures(folder: Path, *, few: int, many: int, bursts: int = 4, seconds: float = SECONDS) -> list[Figure]:
    """Figures at `few` and `many` open pauses."""
    files = {pauses: await filled_file(folder, pauses) for pauses in (few, many)}
    stores = {pauses: SqliteStore.open_blocking(file) for pauses, file in files.items()}
    store = stores[many]
    await checked(store, many)
    made = list(inbox(files[many], stores[few], store, few, many))
    asked = spread(store, many, many)
    step = max(2, many // ANSWERS)
    made += [cycle(folder, store, many), *answers(folder, store, asked[::step], many)]
    left = [each for number, each in enumerate(asked) if number % step]
    for callers in CALLERS:
        made += await burst(folder, store, left, callers, bursts, seconds)
    for each in stores.values():
        await each.close()
    return made


def spread(store: Blocking, many: int, times: int) -> list[PauseRequest]:
    """Requests from all over the file: the pages that hold them are not those that were read last."""
    step, found = max(1, many // times), list[PauseRequest]()
    page = 1 if step > 1 else 1_000
    for begin in range(0, many, step * page):
        found += [each.request for each in store.fetch_blocking(ListRequests(limit=page, cursor=str(begin))).items]
    return found


def inbox(file: Path, small: Blocking, large: Blocking, few: int, many: int) -> Iterator[Figure]:
    """One page of the inbox out of many against out of few, and against bare sqlite3 reading the same rows."""
    query = ListRequests(limit=PAGE)
    bare = sqlite3.connect(file)
    times: dict[str, list[float]] = {"few": [], "many": [], "bare": []}
    for _ in range(ROUNDS):
        times["few"] += timed(lambda: small.fetch_blocking(query), 20)
        times["many"] += timed(lambda: large.fetch_blocking(query), 20)
        times["bare"] += timed(lambda: bare.execute(BARE_PAGE, (PAGE,)).fetchall(), 20)
    bare.close()
    page = {name: median(spent) for name, spent in times.items()}
    shown = microseconds(page["many"])
    yield Figure(f"inbox page of {PAGE} of {many:,}", shown, f"of {few:,}", page["many"] / page["few"], 1.5)
    yield Figure(
        f"inbox page of {PAGE} of {many:,}", shown, "bare sqlite3, same rows", page["many"] / page["bare"], 3.0
    )


BARE_PAGE = """SELECT r.id, r.call, r.round, r.state, b.digest, b.data FROM hitl_requests r
    JOIN hitl_bodies b ON b.key = r.body WHERE r.state = 'open' AND r.waits = 1 ORDER BY r.key LIMIT ?"""


# ── one at a time ────────────────────────────────────────────────────────────────────────────────────────────


def answers(folder: Path, store: Blocking, asked: list[PauseRequest], many: int) -> Iterator[Figure]:
    """Durable, audited answers against one fdatasync each; they take turns, so that both find the disk alike."""
    syncs, spent, cpu, sync_cpu = list[float](), list[float](), list[float](), list[float]()
    with disk_probe(folder) as sync:
        for request in asked:
            command = RecordResponse(request.approve(by="reviewer"), datetime.now(UTC))
            _both(syncs, sync_cpu, sync)
            _both(spent, cpu, lambda command=command: store.apply_blocking(command))  # type: ignore[misc]
    against, ratio = f"one fdatasync {microseconds(median(syncs))}", median(spent) / median(syncs)
    yield Figure(f"durable answer, {many:,} open", microseconds(median(spent)), against, ratio, 2.0)
    against = f"CPU of one fdatasync {microseconds(median(sync_cpu))}"
    yield Figure(
        "… CPU, which a busy disk does not move", microseconds(median(cpu)), against, median(cpu) / median(sync_cpu)
    )


def _both(wall: list[float], cpu: list[float], step: Callable[[], object]) -> None:
    worked = time.process_time()
    wall += timed(step, 1)
    cpu.append(time.process_time() - worked)


def cycle(folder: Path, store: Blocking, many: int) -> Figure:
    """Pause, answer, claim and finish, each durable and audited, against one fdatasync; they take turns."""
    with disk_probe(folder) as sync:
        cycles, syncs = cycled(store, sync, ANSWERS)
    shown, against = microseconds(median(cycles)), f"one fdatasync {microseconds(median(syncs))}"
    return Figure(f"durable cycle, {many:,} open", shown, against, median(cycles) / median(syncs), 6.0)


def cycled(store: Blocking, sync: Callable[[], object], times: int) -> tuple[list[float], list[float]]:
    """Seconds of whole cycles, and of one sync before each."""
    syncs: list[float] = []
    cycles: list[float] = []
    for _ in range(times):
        now = datetime.now(UTC)
        opened = store.apply_blocking(OpenRun(run_record(now), "bench", 60.0, now))
        request = request_record(opened.run.id, now)
        pause = PauseRun(opened.lease, {"version": 1}, (request,), now)
        answered = RecordResponse(request.approve(by="reviewer"), now)
        syncs += timed(sync, 1)
        cycles += timed(partial(_cycle, store, pause, answered), 1)
    return cycles, syncs


def _cycle(store: Blocking, pause: PauseRun, answered: RecordResponse) -> None:
    now, (request,) = pause.now, pause.requests
    store.apply_blocking(pause)
    store.apply_blocking(answered)
    (claimed,) = store.apply_blocking(ClaimRuns("bench", 60.0, now, 1, pause.lease.run_id))
    store.apply_blocking(FinishRun(claimed.lease, RunState.COMPLETED, now, consumed=(request.call,)))


# ── all at once ──────────────────────────────────────────────────────────────────────────────────────────────


async def burst(
    folder: Path, store: SqliteStore, left: list[PauseRequest], callers: int, rounds: int, seconds: float
) -> list[Figure]:
    """Answers per fdatasync of many callers, each of which waits until its own is durable; rounds take turns."""
    ratios, waits = list[float](), list[float]()
    with disk_probe(folder) as sync:
        for _ in range(rounds):
            syncs, begun = 0, time.perf_counter()
            while time.perf_counter() - begun < seconds:
                sync()
                syncs += 1
            assert left, "there were more answers than requests: measure fewer rounds"
            spent, done = await _answered(store, left, callers, waits, seconds)
            ratios.append(done / spent / (syncs / seconds))
    shown = f"p50 {microseconds(median(waits))}, p99 {microseconds(percentile(waits, 99))}"
    goal = 1.8 if callers == max(CALLERS) else None
    return [
        Figure(
            f"answers per fdatasync, {callers} callers", shown, "fdatasyncs in a row", median(ratios), goal, least=True
        )
    ]


async def _answered(
    store: SqliteStore, left: list[PauseRequest], callers: int, waits: list[float], seconds: float
) -> tuple[float, int]:
    begun = time.perf_counter()
    before = len(waits)

    async def caller() -> None:
        while left and time.perf_counter() - begun < seconds:
            command, asked = RecordResponse(left.pop().approve(by="reviewer"), datetime.now(UTC)), time.perf_counter()
            await store.apply(command)
            waits.append(time.perf_counter() - asked)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return time.perf_counter() - begun, len(waits) - before
