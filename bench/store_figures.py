"""The embedded store: inbox page, durable answer, a whole cycle, bytes per pause."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hitl_core.commands import ClaimRuns, FinishRun, ListRequests, OpenRun, PauseRun, RecordResponse
from hitl_core.protocol import PauseRequest, RunState
from hitl_core.stores.sqlite import SqliteStore

from .filled import Blocking, filled, request_record, run_record
from .yardsticks import Figure, disk_probe, median, microseconds, timed

PAGE = 50
ROUNDS = 8
ANSWERS = 500


async def figures(folder: Path, *, few: int, many: int) -> Iterator[Figure]:
    """Figures at `few` and `many` open pauses."""
    small, _ = await filled(folder, few)
    large, requests = await filled(folder, many)
    try:
        made = [
            *inbox(folder, small, large, few, many),
            answer(folder, large, requests, many),
            bytes_each(folder, many),
            cycle(folder, large, many),
        ]
    finally:
        await small.close()
        await large.close()
    return iter(made)


def inbox(folder: Path, small: SqliteStore, large: SqliteStore, few: int, many: int) -> Iterator[Figure]:
    """One page of the inbox out of many against out of few, and against bare sqlite3 reading the same rows."""
    query = ListRequests(limit=PAGE)
    bare = sqlite3.connect(folder / f"pauses-{many}.db")
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


def answer(folder: Path, store: SqliteStore, requests: list[PauseRequest], many: int) -> Figure:
    """One durable, audited answer against one fdatasync; they take turns, so that both find the disk alike."""
    syncs: list[float] = []
    answers: list[float] = []
    with disk_probe(folder) as sync:
        for request in requests[:: max(1, len(requests) // ANSWERS)]:
            command = RecordResponse(request.approve(by="reviewer"), datetime.now(UTC))
            syncs += timed(sync, 1)
            answers += timed(lambda command=command: store.apply_blocking(command), 1)  # type: ignore[misc]
    shown = microseconds(median(answers))
    return Figure(f"durable answer, {many:,} open", shown, "one fdatasync", median(answers) / median(syncs), 2.0)


def cycle(folder: Path, store: SqliteStore, many: int) -> Figure:
    """Pause, answer, claim and finish, each durable and audited, against one fdatasync; they take turns."""
    with disk_probe(folder) as sync:
        cycles, syncs = cycled(store, sync, ANSWERS)
    shown = microseconds(median(cycles))
    return Figure(f"durable cycle, {many:,} open", shown, "one fdatasync", median(cycles) / median(syncs), 6.0)


def cycled(store: Blocking, sync: Callable[[], None], times: int) -> tuple[list[float], list[float]]:
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


def bytes_each(folder: Path, many: int) -> Figure:
    """Bytes of the file per open pause with 1.2 KB of request JSON."""
    size = (folder / f"pauses-{many}.db").stat().st_size / many
    return Figure("bytes per pause, 1.2 KB of JSON", f"{size:,.0f} B", "2,048 B", size / 2048, 1.0)
