"""A command on its way through the writer, and how a thread waits for its result."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from ....commands import Command
from ...sql import jobs

R = TypeVar("R")


class Job(jobs.Job[R]):
    """One command. `finish` tells the waiting thread; those of an event loop are told together (sql/jobs.py)."""

    __slots__ = ("_done",)

    def __init__(self, command: Command[R], future: asyncio.Future[R] | None = None) -> None:
        super().__init__(command, future)
        if future is None:
            self._done = threading.Lock()
            self._done.acquire()

    @property
    def done(self) -> bool:
        return not self._done.locked()

    def finish(self) -> None:
        self._done.release()

    def wait(self) -> R:
        """Block until it is done; its result, or raise its error."""
        self._done.acquire()
        self._done.release()
        return self.outcome()


class Posted(Job[R]):
    """A command for which nobody waits: if it is not carried out, `lost` is told, in the writer's thread."""

    __slots__ = ("_lost",)

    def __init__(self, command: Command[R], lost: Callable[[BaseException], None]) -> None:
        super().__init__(command)
        self._lost = lost

    def finish(self) -> None:
        super().finish()
        if self._error is not None:
            self._lost(self._error)
