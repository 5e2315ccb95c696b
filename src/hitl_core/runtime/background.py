"""Work that goes on when whoever waited for it has gone; a runtime that closes waits for its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger("hitl_core")

R = TypeVar("R")


class Background:
    """The work that nobody may stop by losing patience: a tool that is cut off is in doubt for nothing."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def result(self, work: Coroutine[Any, Any, R]) -> R:
        """What comes of `work`. Who is cancelled here leaves it to itself: it goes on, and its failure is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise
        return task.result()

    async def close(self) -> None:
        """Wait for all of it."""
        if self._tasks:
            await asyncio.wait(self._tasks)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (failed := task.exception()) is not None:
        log.warning("work that nobody waits for any more failed: %s", failed, exc_info=failed)
