"""A million open pauses in one file against a thousand: a page, an answer, a cycle, a restart, memory, and deadlines.

Both files are filled in bulk (bulk.py), and the store itself says that they are what it would have written. What is
compared takes turns.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from hitl_core.audit import verify
from hitl_core.commands import FireTimers
from hitl_core.stores.sqlite import SqliteStore

from .bulk import checked, filled_file
from .filled import Blocking
from .growing import PAGE, Spent, curve, grown
from .store_figures import cycled
from .yardsticks import Fact, Figure, Found, disk_probe, median, microseconds, percentile

FEW: Final = 1_000
SWEEP: Final = FireTimers(datetime.now(UTC)).limit
"""Deadlines that one transaction fires: as many as a worker takes at a time."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    open: tuple[int, ...]
    due: int
    rounds: int
    answers: int
    starts: int

    @property
    def many(self) -> int:
        return self.open[-1]


FULL: Final = Size(open=(FEW, 10_000, 100_000, 1_000_000), due=100_000, rounds=20, answers=300, starts=7)
SHORT: Final = Size(open=(FEW, 3_000), due=1_500, rounds=2, answers=20, starts=1)


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """Figures at FEW and at a million open pauses, and how they grow from the one to the other."""
    size = SHORT if smoke else FULL
    files = {pauses: await _file(folder, pauses) for pauses in size.open}
    made: list[Found] = [*bytes_each(files[size.many], size), *starting(files, size)]
    made.append(await verifying(files[size.open[-2]], size.open[-2]))
    stores = {pauses: SqliteStore.open_blocking(file) for pauses, file in files.items()}
    with disk_probe(folder) as sync:
        spent = grown({**stores}, sync, rounds=size.rounds, answers=size.answers)
    for store in stores.values():
        await store.close()
    made += working(spent, size)
    made.append(closed(folder, size))
    return [*made, *await deadlines(folder, size.due)]


async def _file(folder: Path, pauses: int) -> Path:
    begun = time.monotonic()
    file = await filled_file(folder, pauses)
    store = SqliteStore.open_blocking(file)
    await checked(store, pauses, wholly=pauses <= 100_000)
    await store.close()
    print(f"  filled and verified: {pauses:,} open pauses in {time.monotonic() - begun:.0f} s", flush=True)
    return file


def working(spent: dict[int, Spent], size: Size) -> Iterator[Found]:
    """A page, a cycle, and an answer to a request anywhere in the file."""
    few, most, where = spent[FEW], spent[size.many], f"{size.many:,} open"
    page, against = median(most.page), f"of {FEW:,} {microseconds(median(few.page))}"
    yield Figure(f"inbox page of {PAGE} of {size.many:,}", microseconds(page), against, page / median(few.page), 1.5)
    for what, seconds, least, goal in (
        ("cycle", most.cycle, most.cycle_least, 6.0),
        ("answer, anywhere", most.answer, most.answer_least, 3.0),
    ):
        against, ratio = f"one fdatasync {microseconds(median(least))}", median(seconds) / median(least)
        yield Figure(f"durable {what} among {where}", microseconds(median(seconds)), against, ratio, goal)
    slow, its = percentile(most.answer, 99), percentile(most.answer_least, 99)
    yield Figure("… an answer's p99", microseconds(slow), f"fdatasync's p99 {microseconds(its)}", slow / its)
    yield curve("growth-file", "in one file", spent)
    yield Fact("sqlite.page_seconds", page, "s")
    yield Fact("sqlite.cycle_syncs", most.cycle_ratio, "fdatasyncs")
    yield Fact("sqlite.cycle_seconds", median(most.cycle), "s")
    yield Fact("sqlite.answer_syncs", most.answer_ratio, "fdatasyncs")
    yield Fact("disk.sync_seconds", median(most.cycle_least), "s")


def bytes_each(file: Path, size: Size) -> Iterator[Found]:
    each = file.stat().st_size / size.many
    yield Figure("bytes per open pause, 1.2 KB of JSON", f"{each:,.0f} B", "2,048 B", each / 2_048, 1.0)
    yield Fact("sqlite.bytes", each, "bytes per open pause")


def closed(folder: Path, size: Size) -> Fact:
    """What is left of a run that is over: its records and its lines in the trail."""
    file = folder / "closed.db"
    store = SqliteStore.open_blocking(file)
    with disk_probe(folder) as sync:
        cycled(store, sync, 10 * size.answers)
    store.close_blocking()
    return Fact("sqlite.closed_bytes", file.stat().st_size / (10 * size.answers), "bytes per finished run")


async def verifying(file: Path, pauses: int) -> Fact:
    """How quickly `audit verify` reads a trail."""
    store = SqliteStore.open_blocking(file)
    begun = time.perf_counter()
    report = await verify(store, store.custody)
    spent = time.perf_counter() - begun
    await store.close()
    assert report.exit_code == 0
    return Fact("audit.lines_per_second", report.lines / spent, f"lines/s of {3 * pauses:,}")


# ── a new process ────────────────────────────────────────────────────────────────────────────────────────────

# The kernel's own mark of this process (Linux): getrusage would count what its parent held when it was forked.
_START: Final = r"""
import re, sys, time
from hitl_core.commands import ListRequests
from hitl_core.stores.sqlite import SqliteStore
begun = time.perf_counter()
store = SqliteStore.open_blocking(sys.argv[1])
store.fetch_blocking(ListRequests(limit=50))
spent = time.perf_counter() - begun
print(spent, int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) * 1024)
store.close_blocking()
"""


def starting(files: dict[int, Path], size: Size) -> Iterator[Found]:
    """Opening a store and reading its first page in new processes that take turns; and the most memory they had."""
    found: dict[int, list[tuple[float, float]]] = {FEW: [], size.many: []}
    for _ in range(size.starts):
        for pauses in found:
            file = files[pauses]
            said = subprocess.run([sys.executable, "-c", _START, str(file)], check=True, capture_output=True, text=True)
            seconds, memory = map(float, said.stdout.split())
            found[pauses].append((seconds, memory))
    few, most = (median([seconds for seconds, _ in found[pauses]]) for pauses in (FEW, size.many))
    where, against = f"{size.many:,} open", f"with {FEW:,} {microseconds(few)}"
    yield Figure(f"restart with {where}, to the first page", microseconds(most), against, most / few, 1.5)
    few, most = (median([memory for _, memory in found[pauses]]) for pauses in (FEW, size.many))
    shown, against = f"{most / 2**20:,.1f} MiB", f"with {FEW:,} {few / 2**20:,.1f} MiB"
    yield Figure(f"memory of a process beside {where}", shown, against, most / few, 1.1)
    yield Fact("process.bytes", most, "bytes per process")


# ── deadlines ────────────────────────────────────────────────────────────────────────────────────────────────


async def deadlines(folder: Path, due: int) -> list[Found]:
    """All of them due at the same moment, fired by the store's command, each once; against bare updates of the rows."""
    file = await filled_file(folder, due, name="due.db", waits=timedelta(seconds=1))
    bare = _bare_sweep(file, due)
    store = SqliteStore.open_blocking(file)
    fired, spent = swept(store)
    await store.close()
    wrong = unlike(fired, due) + _lines_wrong(file, due)
    name = f"{due:,} deadlines at once"
    return [
        Figure(f"{name}, not fired exactly once", f"{wrong:,}", f"{due:,}", wrong / due, 0.0, binding=True),
        Figure(name, f"{spent:,.2f} s", f"bare updates of the same rows {bare:,.2f} s", spent / bare),
        Fact("sqlite.deadlines_per_second", due / spent, "deadlines/s"),
    ]


def swept(store: Blocking) -> tuple[list[str], float]:
    """The requests whose deadlines are fired until none is left, and the seconds that it takes."""
    begun, fired = time.perf_counter(), list[str]()
    while settled := store.apply_blocking(FireTimers(datetime.now(UTC) + timedelta(hours=1))):
        fired += [each.request.id for each in settled]
    return fired, time.perf_counter() - begun


def unlike(fired: list[str], due: int) -> int:
    """How many are missing, or there more than once."""
    return due - len(set(fired)) + len(fired) - len(set(fired))


def _lines_wrong(file: Path, due: int) -> int:
    """Requests that have not exactly one line of their expiry in the trail."""
    with closing(sqlite3.connect(file)) as connection:
        sql = "SELECT COUNT(DISTINCT subject), COUNT(*) FROM hitl_audit WHERE event = 'request.expired'"
        subjects, lines = connection.execute(sql).fetchone()
    return due - int(subjects) + int(lines) - int(subjects)


_BARE: Final = "UPDATE hitl_requests SET state = 'expired', due = NULL WHERE key > ? AND key <= ?"


def _bare_sweep(file: Path, due: int) -> float:
    """Seconds of the least that this can cost: the same rows changed in transactions of the same size, nothing kept."""
    copy = file.with_suffix(".bare")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        source.backup(connection)
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        begun = time.perf_counter()
        for first in range(0, due, SWEEP):
            connection.execute("BEGIN IMMEDIATE")
            where: tuple[Any, ...] = (first, first + SWEEP)
            connection.execute(_BARE, where)
            connection.execute("COMMIT")
        spent = time.perf_counter() - begun
    copy.unlink()
    return spent
