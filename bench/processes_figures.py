"""Between processes: from an answer to the start of the resume, what idle workers cost, and how far a stop reaches."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hitl_core import Runtime, connect
from hitl_core.commands import StopScope

from .bulk import filled_file
from .clerks import FREE, busily, waiting
from .pairs import config
from .processes import Clerk, clerk
from .yardsticks import Fact, Figure, Found, median, microseconds, percentile

WORKERS: Final = 3
MOST_STOPS: Final = 40
"""Where the machine is so slow that the effects do not come together."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    wakes: int
    idle_seconds: float
    open: int
    stops: int
    effects: int
    busy_seconds: float


FULL: Final = Size(wakes=400, idle_seconds=20.0, open=10_000, stops=10, effects=5_000, busy_seconds=0.6)
SHORT: Final = Size(wakes=5, idle_seconds=1.0, open=200, stops=1, effects=1, busy_seconds=0.3)


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """On one file, with other runs open in it."""
    size = SHORT if smoke else FULL
    file = await filled_file(folder, size.open)
    store = f"sqlite:///{file}"
    made = await waking(folder, store, bare(folder), size.wakes, "another process")
    made += idle(folder, store, size.idle_seconds, f"beside {size.open:,} open")
    return [*made, *await stopping(folder, size)]


# ── from an answer to the resume ─────────────────────────────────────────────────────────────────────────────


Waker = Callable[[int], float]


async def waking(
    folder: Path, store: str, least: AbstractAsyncContextManager[Waker], wakes: int, where: str
) -> list[Found]:
    """From before the answer is given to the first line of the app's own code in a worker of another process."""
    async with AsyncExitStack() as stack:
        hitl = await stack.enter_async_context(connect(config("plain", waiting, folder, store=store)))
        worker = stack.enter_context(clerk("worker", store, folder))
        waker = await stack.enter_async_context(least)
        ours, its = list[float](), list[float]()
        for number in range(wakes + 1):
            ours.append(await answered(hitl, worker, number))
            its.append(waker(number))
    return woken(where, ours[1:], its[1:])


def woken(where: str, ours: list[float], least: list[float]) -> list[Found]:
    """What was found, against the bare round trip."""
    p50, p99 = median(ours), percentile(ours, 99)
    name, against = f"answer → resume started in {where}", "the bare wake-up through the same store"
    return [
        Figure(f"{name}, p50", microseconds(p50), f"{against} {microseconds(median(least))}", p50 / median(least)),
        Figure(
            f"{name}, p99",
            microseconds(p99),
            f"{against} {microseconds(percentile(least, 99))}",
            p99 / percentile(least, 99),
            3.0,
        ),
    ]


async def answered(hitl: Runtime, worker: Clerk, number: int) -> float:
    """Seconds from giving an answer to the app's going on in the worker."""
    run = await hitl.start({"number": number})
    (request,) = run.pending
    await asyncio.sleep(0.005)  # the worker has heard of the pause, and waits again
    begun = time.monotonic_ns()
    await hitl.respond(request.answer("yes", by="reviewer"))
    said = await asyncio.to_thread(worker.heard)
    assert said["number"] == number, said
    return float(said["at"] - begun) / 1e9


@asynccontextmanager
async def bare(folder: Path) -> AsyncIterator[Waker]:
    """A step that wakes another process the bare way, durably in both, and says how many seconds it took."""
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", BARE_TABLE):
            connection.execute(statement).fetchall()
        with clerk("bare", str(folder / "bare.db"), folder) as other:
            bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

            def wake(number: int) -> float:
                connection.execute("INSERT INTO runs VALUES (?, 0)", (number,))
                begun = time.monotonic_ns()
                connection.execute("UPDATE runs SET state = 1 WHERE number = ?", (number,))
                bell.sendto(b"!", str(folder / "bare.bell"))
                said = other.heard()
                assert said["number"] == number, said
                return float(said["at"] - begun) / 1e9

            with bell:
                yield wake


BARE_TABLE: Final = "CREATE TABLE runs (number INTEGER PRIMARY KEY, state INTEGER NOT NULL)"


# ── a worker with nothing to do ──────────────────────────────────────────────────────────────────────────────


def idle(folder: Path, store: str, seconds: float, where: str) -> list[Found]:
    """CPU of a worker that waits, with its scans and its look for deadlines."""
    with clerk("worker", store, folder) as worker:
        time.sleep(1.0)
        before, begun = worker.cpu(), time.monotonic()
        time.sleep(seconds)
        share = (worker.cpu() - before) / (time.monotonic() - begun)
    return [
        Figure(f"CPU of an idle worker {where}", f"{share:.2%}", "1.5 % of a core", share / 0.015, 1.0),
        Fact(f"worker.idle_cpu {where}", share, "of a core"),
    ]


# ── a stop ───────────────────────────────────────────────────────────────────────────────────────────────────


async def stopping(folder: Path, size: Size) -> list[Found]:
    """Effects that begin in busy processes after the order to stop them has been given and acknowledged."""
    store, late, worst, effects, took = f"sqlite:///{folder / 'busy.db'}", 0, 0.0, 0, list[float]()
    async with AsyncExitStack() as stack:
        boss = await stack.enter_async_context(connect(config("plain", busily, folder, store=store, policy=FREE)))
        clerks = [stack.enter_context(clerk("busy", store, folder)) for _ in range(WORKERS)]
        while len(took) < size.stops or (effects < size.effects and len(took) < MOST_STOPS):
            for each in clerks:
                each.tell()
            await asyncio.sleep(size.busy_seconds)
            begun = time.monotonic_ns()
            await boss.stop(StopScope.ALL, by="boss", reason="a bench")
            after = time.monotonic_ns()
            took.append((after - begun) / 1e9)
            for said in [await asyncio.to_thread(each.heard) for each in clerks]:
                assert said["ended"] == "stopped", json.dumps(said)
                delays = [at - after for at in said["last"] if at > after]
                late, effects = late + len(delays), effects + said["effects"]
                worst = max([worst, *(delay / 1e9 for delay in delays)])
            await boss.lift(StopScope.ALL, by="boss", reason="a bench")
    name = f"effects begun after a stop, {WORKERS} busy processes"
    shown = f"{late} of {effects:,}, the last {microseconds(worst)} late" if late else f"0 of {effects:,}"
    return [
        Figure(name, shown, "all effects", late / effects, 0.001),
        Figure("a stop, to its acknowledgement", microseconds(median(took)), "20 ms", median(took) / 0.020, 1.0),
    ]
