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

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has been moved by `seconds`."""
        woken = asyncio.Event()
        self._sleepers.append((self._now + timedelta(seconds=seconds), woken))
        await woken.wait()

    def advance(self, seconds: float = 0, **more: float) -> None:
        """Move the clock forward by `seconds` and whatever `timedelta` takes (hours=2 …)."""
        self._now += timedelta(seconds=seconds, **more)
        due = [each for each in self._sleepers if each[0] <= self._now]
        self._sleepers = [each for each in self._sleepers if each[0] > self._now]
        for _, woken in due:
            woken.set()
