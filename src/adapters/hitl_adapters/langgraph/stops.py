"""A stop that is put in force while a graph works: its current step comes to its end, and nothing new starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from hitl_core.gate import Gate

EVERY: Final = 0.5
"""Seconds between two looks. A drive that is shorter costs no look at all."""


@contextmanager
def heeding_stops(gate: Gate, drain: Callable[[str], object]) -> Iterator[None]:
    """While the body runs, look for stops of this run; the first one calls `drain` with its reason."""
    loop = asyncio.get_running_loop()
    looks: set[asyncio.Task[None]] = set()
    timer: asyncio.TimerHandle

    async def look() -> None:
        if await gate.heed_stops():
            drain(str(gate.stopped))
        else:
            wait()

    def begin() -> None:
        task = loop.create_task(look())
        looks.add(task)
        task.add_done_callback(looks.discard)

    def wait() -> None:
        nonlocal timer
        timer = loop.call_later(EVERY, begin)

    wait()
    try:
        yield
    finally:
        timer.cancel()
        for task in looks:
            task.cancel()
