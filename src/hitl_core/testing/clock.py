"""A clock that only moves when a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""A Monday morning: inside business hours, far from midnight and from daylight saving changes."""


class ManualClock:
    """Starts at `now`; `advance` moves it and wakes those whose time has come."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []
        self._one_more = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has been moved by `seconds`: at once for none, as with a clock that runs."""
        if seconds <= 0:
            return
        sleeper = (self._now + timedelta(seconds=seconds), asyncio.Event())
        self._sleepers.append(sleeper)
        self._one_more.set()
        try:
            await sleeper[1].wait()
        finally:
            if sleeper in self._sleepers:  # it was cancelled
                self._sleepers.remove(sleeper)

    async def asleep(self, *, until: datetime | None = None) -> None:
        """Return when somebody sleeps on this clock, so that moving it leaves nobody behind.

        With `until`, somebody whose time has come by then.
        """
        while not any(until is None or at <= until for at, _ in self._sleepers):
            self._one_more.clear()
            await self._one_more.wait()

    def advance(self, seconds: float = 0, **more: float) -> int:
        """Move the clock forward by `seconds` and whatever `timedelta` takes (hours=2 …); returns how many it woke."""
        self._now += timedelta(seconds=seconds, **more)
        due = [each for each in self._sleepers if each[0] <= self._now]
        self._sleepers = [each for each in self._sleepers if each[0] > self._now]
        for _, woken in due:
            woken.set()
        return len(due)
