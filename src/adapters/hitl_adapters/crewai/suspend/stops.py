"""A stop that is put in force while a crew works: what is under way comes to its end, and nothing new starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from .current import Current

EVERY: Final = 0.5
"""Seconds between two looks. A turn that is shorter costs none at all."""


@asynccontextmanager
async def heeding_stops(now: Current) -> AsyncIterator[None]:
    """While the body runs, look for stops of this run; the first one halts the turn."""
    looks = asyncio.create_task(_look(now))
    try:
        yield
    finally:
        looks.cancel()


async def _look(now: Current) -> None:
    while True:
        await asyncio.sleep(EVERY)
        if await now.gate.heed_stops():
            assert now.gate.stopped is not None
            return now.halt(now.gate.stopped)
