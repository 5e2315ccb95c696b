"""The same work by three libraries: questions that wait, answers, and workers in another process that go on.

Each starts its questions, answers them from this process, and hears from its worker when it has gone on with one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hitl_core import Runtime, connect
from hitl_core.protocol import PauseRequest

from .by_hand import Approvals
from .clerks import waiting
from .filled import MEMO
from .pairs import config
from .processes import Clerk, clerk
from .yardsticks import Figure, Table, median, microseconds, percentile

POLLED: Final = 40
"""Answers to who polls that are timed one by one: each costs half the time between two looks."""

PAGE: Final = 4_096
"""Bytes below which nothing can be said of a process's memory."""

PAUSE_BETWEEN: Final = 0.02
"""Seconds between two answers of which each is timed."""


class Contender(Protocol):
    """One way of doing it."""

    name: str
    wakes: int
    """How many of its answers are timed one by one at most."""

    @property
    def workers(self) -> Workers:
        """Who goes on with what was answered."""
        ...

    async def start(self, first: int, many: int) -> float:
        """Ask that many questions; the seconds that it took."""
        ...

    async def answer(self, number: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Size:
    """How many questions wait, how many answers are timed one by one, how many come together, and how often the worker
    is killed and another one started.
    """

    pending: int
    wakes: int
    together: int
    deaths: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What the work took: seconds each, and bytes of the worker for each question that waits."""

    name: str
    start: float
    wakes: list[float]
    cycle: float
    memory: float
    again: float
    """From the death of a worker to the next question that is gone on with, with all that wait still waiting."""


async def spent(by: Contender, size: Size) -> Spent:
    """Let one do the work."""
    before = by.workers.now.memory()
    start = await by.start(0, size.pending) / size.pending
    memory = max(0, by.workers.now.memory() - before) / size.pending
    wakes = [await _woken(by, number) for number in range(min(size.wakes, by.wakes))]
    begun, first = time.perf_counter(), size.pending
    await by.start(first, size.together)
    for number in range(first, first + size.together):
        await by.answer(number)
    heard = {(await asyncio.to_thread(by.workers.now.heard))["number"] for _ in range(size.together)}
    assert heard == set(range(first, first + size.together)), f"{by.name} went on with {sorted(heard)}"
    cycle = (time.perf_counter() - begun) / size.together
    again = [await _reborn(by, size.pending - 1 - number) for number in range(size.deaths)]
    return Spent(by.name, start, wakes, cycle, memory, median(again))


async def _reborn(by: Contender, number: int) -> float:
    begun = time.monotonic_ns()
    await asyncio.to_thread(by.workers.replace)
    await by.answer(number)
    # Whoever was killed right after it had said something says it again through the next one.
    while (said := await asyncio.to_thread(by.workers.now.heard))["number"] != number:
        pass
    return float(said["at"] - begun) / 1e9


async def _woken(by: Contender, number: int) -> float:
    await asyncio.sleep(PAUSE_BETWEEN)
    begun = time.monotonic_ns()
    await by.answer(number)
    said = await asyncio.to_thread(by.workers.now.heard)
    assert said["number"] == number, said
    return float(said["at"] - begun) / 1e9


class Workers:
    """One process after the other."""

    def __init__(self, stack: ExitStack, begin: Callable[[], AbstractContextManager[Clerk]]) -> None:
        self._stack = stack
        self._begin = begin
        self.now = stack.enter_context(begin())

    def replace(self) -> None:
        """Kill the one that lives, and start another one."""
        self.now.kill()
        self.now = self._stack.enter_context(self._begin())


@contextmanager
def workers(begin: Callable[[], AbstractContextManager[Clerk]]) -> Iterator[Workers]:
    with ExitStack() as stack:
        yield Workers(stack, begin)


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Ours:
    """This library: a runtime here, a worker there."""

    name = "hitl-core"
    wakes = 1_000

    def __init__(self, hitl: Runtime, workers: Workers) -> None:
        self._hitl = hitl
        self.workers = workers
        self._asked: dict[int, PauseRequest] = {}

    @classmethod
    @asynccontextmanager
    async def at(cls, store: str, folder: Path) -> AsyncIterator[Ours]:
        async with connect(config("plain", waiting, folder, store=store)) as hitl:
            with workers(lambda: clerk("worker", store, folder)) as them:
                yield cls(hitl, them)

    async def start(self, first: int, many: int) -> float:
        begun = time.perf_counter()
        for number in range(first, first + many):
            run = await self._hitl.start({"number": number, "memo": MEMO})
            (self._asked[number],) = run.pending
        return time.perf_counter() - begun

    async def answer(self, number: int) -> None:
        await self._hitl.respond(self._asked.pop(number).answer("yes", by="reviewer"))


class ByHand:
    """The table and the loop of bench/by_hand.py."""

    name = "by hand"
    wakes = POLLED

    def __init__(self, approvals: Approvals, workers: Workers) -> None:
        self._approvals = approvals
        self.workers = workers

    @classmethod
    @asynccontextmanager
    async def at(cls, store: str, folder: Path) -> AsyncIterator[ByHand]:
        approvals = Approvals.open(store)
        with workers(lambda: clerk("by_hand", store, folder)) as them:
            yield cls(approvals, them)
        approvals.close()

    async def start(self, first: int, many: int) -> float:
        begun = time.perf_counter()
        for number in range(first, first + many):
            self._approvals.ask(f"{number:09}", {"number": number, "memo": MEMO})
        return time.perf_counter() - begun

    async def answer(self, number: int) -> None:
        assert self._approvals.answer(f"{number:09}", "yes", "reviewer")


# ── how they compare ─────────────────────────────────────────────────────────────────────────────────────────


def compared(ours: Spent, other: Spent, where: str, *, wake: float | None = None) -> list[Figure]:
    """Ours against another, with a goal for the time from an answer to the resume, if there is one."""
    pairs: Sequence[tuple[str, float, float, float | None]] = (
        ("answer → resume started, p50", median(ours.wakes), median(other.wakes), wake),
        ("answer → resume started, p99", percentile(ours.wakes, 99), percentile(other.wakes, 99), None),
        ("to start one that waits", ours.start, other.start, None),
        ("a whole cycle, many at once", ours.cycle, other.cycle, None),
        ("kill -9 of the worker → the next answer gone on with", ours.again, other.again, None),
    )
    made = [
        Figure(f"{what}, {where}", microseconds(mine), f"{other.name} {microseconds(its)}", mine / its, goal)
        for what, mine, its, goal in pairs
    ]
    return [*made, *_remembered(ours, other, where)]


def _remembered(ours: Spent, other: Spent, where: str) -> Iterator[Figure]:
    """What a worker holds for each that waits, where the other holds anything."""
    if other.memory > PAGE:
        against = f"{other.name} {other.memory:,.0f} B"
        name = f"memory of the worker for each that waits, {where}"
        yield Figure(name, f"{ours.memory:,.0f} B", against, ours.memory / other.memory)


def side_by_side(all_of_them: Sequence[Spent], where: str, size: Size) -> Table:
    """The absolute values, for who wants them."""
    times = ("start one", "answer → resume, p50", "p99", "a cycle, many at once", "kill -9 → the next answer")
    head = ("who", *times, "memory for each that waits")
    return Table(f"On {where}, {size.pending:,} waiting", head, [_row(each) for each in all_of_them])


def _row(each: Spent) -> tuple[str, ...]:
    times = (each.start, median(each.wakes), percentile(each.wakes, 99), each.cycle, each.again)
    return (each.name, *map(microseconds, times), f"{each.memory:,.0f} B")
