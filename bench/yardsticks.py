"""What figures are compared with, in the same run: the disk's own fdatasync, and interleaved medians."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4096
AREA = 4 << 20


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `ratio` is what counts; `goal` is the most it should be (None: only reported)."""

    name: str
    measured: str
    against: str
    ratio: float
    goal: float | None = None

    @property
    def met(self) -> bool:
        return self.goal is None or self.ratio <= self.goal


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def timed(step: Callable[[], object], times: int) -> list[float]:
    """Seconds of each of `times` calls."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        step()
        spent.append(time.perf_counter() - begun)
    return spent


async def atimed(step: Callable[[], Awaitable[object]], times: int) -> list[float]:
    """Seconds of each of `times` awaited calls."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        await step()
        spent.append(time.perf_counter() - begun)
    return spent


def fdatasync_seconds(folder: Path, times: int = 200) -> list[float]:
    """Seconds of `times` writes of 4 KB into a preallocated area, each followed by fdatasync."""
    path = folder / "fdatasync.probe"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(handle, b"\0" * AREA)
        os.fsync(handle)
        block, place = os.urandom(BLOCK), iter(range(times))

        def write() -> None:
            os.pwrite(handle, block, next(place) * BLOCK % AREA)
            os.fdatasync(handle)

        return timed(write, times)
    finally:
        os.close(handle)
        path.unlink()


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 0.01 else f"{seconds * 1e3:,.1f} ms"
