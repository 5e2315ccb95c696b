"""A command on its way through the writer, and whoever waits for its result: a thread or an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ....commands import Command

R = TypeVar("R")


class Job(Generic[R]):
    """One command. `finish` tells the waiting thread; those of an event loop are told together (tell_loops)."""

    __slots__ = ("_done", "_error", "_result", "command", "future", "loop")

    def __init__(self, command: Command[R], future: asyncio.Future[R] | None = None) -> None:
        self.command = command
        self.future = future
        self.loop = None if future is None else future.get_loop()
        self._result: R | None = None
        self._error: BaseException | None = None
        if future is None:
            self._done = threading.Lock()
            self._done.acquire()

    @property
    def done(self) -> bool:
        return not self._done.locked()

    def succeed(self, result: R) -> None:
        self._result, self._error = result, None

    def fail(self, error: BaseException) -> None:
        self._error = error

    def finish(self) -> None:
        self._done.release()

    def wait(self) -> R:
        """Block until it is done; its result, or raise its error."""
        self._done.acquire()
        self._done.release()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def settle(self) -> None:
        """Hand the outcome to the future, on its own loop."""
        if self.future is None or self.future.done():
            return
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(self._result)  # type: ignore[arg-type]


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
