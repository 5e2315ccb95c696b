"""The clock of the machine. Tests use `hitl_core.testing.ManualClock` instead."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Final

log = logging.getLogger("hitl_core")

GUARD: Final = 2.0
"""Seconds by which the machine's clock may differ from the time that has passed, and is believed at once."""

BELIEVED: Final = 600.0
"""Seconds for which a clock that was set has to stay so, before it is believed."""


def wall() -> float:
    """What the machine says that it is, in seconds since 1970."""
    return time.time()


def steady() -> float:
    """Seconds that have passed, those in which the machine slept included, where the system counts them."""
    return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()


_STEADY: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


class SystemClock:
    """The time of this machine in UTC; sleeping on the event loop.

    Deadlines and leases hang on it, so it does not jump with a clock that somebody sets: time goes on as it was until
    the machine has said the same for ten minutes. Or it is the time of the server that a store is on (`follow`), which
    all who share that server have in common.
    """

    def __init__(self) -> None:
        self._began = (wall(), steady())
        self._set: tuple[float, float] | None = None
        self._follows = False

    def now(self) -> datetime:
        passed = steady()
        said, then = self._began  # at once: another thread may look at the time, too
        at = said + passed - then
        if not self._follows:
            at = self._believed(at, passed)
        return datetime.fromtimestamp(at, UTC)

    def follow(self, instant: datetime, *, asked: float) -> None:
        """From now on it is the time of whoever says that it was `instant` when `asked` seconds had passed."""
        self._began, self._follows = (instant.timestamp(), asked), True

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _believed(self, at: float, passed: float) -> float:
        """The machine's time, unless it has been set a short while ago: then the time that it would be."""
        said = wall()
        if abs(said - at) <= GUARD:
            self._began, self._set = (said, passed), None
            return said
        by = said - at
        if self._set is None or abs(by - self._set[0]) > GUARD:
            self._set = (by, passed)
            log.warning("the machine's clock was set by %s: not believed before it has stayed so", _shown(by))
        if passed - self._set[1] < BELIEVED:
            return at
        log.warning("the machine's clock is believed now, which was set by %s", _shown(by))
        self._began, self._set = (said, passed), None
        return said


def _shown(seconds: float) -> str:
    return f"{'-' if seconds < 0 else '+'}{timedelta(seconds=round(abs(seconds)))}"
