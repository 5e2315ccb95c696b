"""What figures are compared with, in the same run: the disk's own fdatasync, and interleaved medians."""

from __future__ import annotations

import itertools
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK = 4096
AREA = 4 << 20
DIGITS_AND_UNIT = re.compile(r" [\d.,]+ (µs|ms|s|B|MiB)$")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `ratio` is what counts; `goal` is the most it should be, or the `least` (None: only
    reported).

    A `binding` goal holds on a busy machine as well: whoever misses it fails the run.
    """

    name: str
    measured: str
    against: str
    ratio: float
    goal: float | None = None
    binding: bool = False
    least: bool = False

    @property
    def key(self) -> str:
        """Names the figure among those that were kept: without what differs from run to run."""
        return f"{self.name} / {DIGITS_AND_UNIT.sub('', self.against)}"

    @property
    def met(self) -> bool:
        return self._within(1.0)

    def broken(self, *, slack: float = 1.0) -> bool:
        """Whether a binding goal is missed by more than this factor."""
        return self.binding and not self._within(slack)

    def _within(self, slack: float) -> bool:
        if self.goal is None:
            return True
        return self.ratio >= self.goal / slack if self.least else self.ratio <= self.goal * slack


@dataclass(frozen=True, slots=True)
class Curve:
    """How figures grow: for each series points (x, ratio). `name` is also that of its plot's file."""

    name: str
    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Table:
    """What is counted rather than compared: who lost what."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Fact:
    """A measured number with its unit, from which pages calculate."""

    key: str
    value: float
    unit: str


Found = Figure | Curve | Table | Fact


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def timed(step: Callable[[], object], times: int, *, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Seconds of each of `times` calls."""
    spent = []
    for _ in range(times):
        begun = clock()
        step()
        spent.append(clock() - begun)
    return spent


def working(step: Callable[[], object], times: int) -> list[float]:
    """Seconds of CPU of each of `times` calls, in this process: a busy machine moves them least."""
    return timed(step, times, clock=time.process_time)


@contextmanager
def timing(owner: type[Any], name: str) -> Iterator[list[float]]:
    """Seconds of each call of an async method of a class, while the body runs."""
    method, spent = getattr(owner, name), list[float]()

    async def timed_method(*args: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        try:
            return await method(*args, **options)
        finally:
            spent.append(time.perf_counter() - begun)

    setattr(owner, name, timed_method)
    try:
        yield spent
    finally:
        setattr(owner, name, method)


@contextmanager
def disk_probe(folder: Path, *, block: int = BLOCK) -> Iterator[Callable[[], None]]:
    """A step that writes a block into a preallocated file and waits for fdatasync: the least a durable change costs."""
    path = folder / "fdatasync.probe"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    data, area = os.urandom(block), max(AREA, block)
    places = itertools.cycle(range(0, area - block + 1, block))

    def write() -> None:
        os.pwrite(handle, data, next(places))
        os.fdatasync(handle)

    try:
        os.write(handle, bytes(area))
        os.fsync(handle)
        yield write
    finally:
        os.close(handle)
        path.unlink()


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 0.01 else f"{seconds * 1e3:,.1f} ms"
