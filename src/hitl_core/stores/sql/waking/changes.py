"""Waiting for a change: by doorbell, and by a slow look at a number that moves with every commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from ....contracts import Clock
from .doorbell import Doorbell

SLOW: Final = 1.0
QUICK: Final = 0.05
"""Seconds between looks, with a bell and without one."""


class Changes:
    """Whether anybody has changed the store since somebody last asked."""

    def __init__(self, bell: Doorbell, version: Callable[[], int], clock: Clock) -> None:
        self._bell = bell
        self._version = version
        self._clock = clock
        self._seen = version()
        self._seen_by: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()

    async def wait(self, timeout: float) -> None:
        """Return after the next change, at once if there was one since this task's last call, or after `timeout`."""
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        # A task may be made for this one call; then what the last one saw that asked is the best guess.
        await self._until_changed(self._seen_by.get(task, self._seen), timeout)
        self._seen = self._seen_by[task] = self._version()

    async def _until_changed(self, since: int, timeout: float) -> None:
        ear = self._bell.ear()
        look_again = SLOW if ear.hears_others else QUICK
        timer = asyncio.ensure_future(self._clock.sleep(timeout))
        try:
            while not timer.done():
                with ear.listening() as heard:
                    if self._version() != since:
                        return
                    await asyncio.wait((heard, timer), timeout=look_again, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            await asyncio.wait((timer,))  # not `await timer`: who cancels us must not be mistaken for it


class Count:
    """For a store in memory: nobody else can change it, so counting our own commits is enough."""

    def __init__(self) -> None:
        self._commits = 0

    def __call__(self) -> int:
        return self._commits

    def one_more(self) -> None:
        self._commits += 1

    def close(self) -> None:
        return
