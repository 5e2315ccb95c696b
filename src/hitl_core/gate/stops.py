"""A stop that is put in force while a framework works: its current step comes to its end, and nothing new starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from .gate import Gate

log = logging.getLogger("hitl_core")

EVERY: Final = 0.5
"""Seconds, on the gate's clock, between two looks. Work that is shorter costs no look at all."""


@contextmanager
def heeding_stops(gate: Gate, drain: Callable[[str], object]) -> Iterator[None]:
    """While the body runs, look for stops of this run; the first one calls `drain` with its reason."""
    looking = asyncio.get_running_loop().create_task(_look(gate, drain))
    try:
        yield
    finally:
        looking.cancel()


async def _look(gate: Gate, drain: Callable[[str], object]) -> None:
    while True:
        await gate.clock.sleep(EVERY)
        if await _is_stopped(gate):
            drain(str(gate.stopped))
            return


async def _is_stopped(gate: Gate) -> bool:
    """A look that fails finds no stop; the next one may. The store checks every start of a tool in any case."""
    try:
        return await gate.heed_stops()
    except Exception as exc:
        log.warning("run %s: could not look for stops, trying again: %s", gate.run.id, exc)
        return False
