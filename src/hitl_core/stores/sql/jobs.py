"""A command on its way through an engine, and whoever waits for what comes of it: a thread, or an event loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from ...commands import Command

R = TypeVar("R")


class Job(Generic[R]):
    """One command. `carried_out`: it has a result, or an error. `future`: who waits does so in an event loop.

    How a thread waits is the engine's own.
    """

    __slots__ = ("_error", "_result", "carried_out", "command", "future")

    def __init__(self, command: Command[R], future: asyncio.Future[R] | None = None) -> None:
        self.command = command
        self.future = future
        self.carried_out = False
        self._result: R | None = None
        self._error: BaseException | None = None

    def succeed(self, result: R) -> None:
        self._result, self._error, self.carried_out = result, None, True

    def fail(self, error: BaseException) -> None:
        self._error, self.carried_out = error, True

    def outcome(self) -> R:
        """Its result, or raise its error."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # it was carried out, and has no error

    def hand_over(self) -> None:
        """Give the outcome to who waits in an event loop, on that loop, if they still do."""
        if self.future is None or self.future.done():
            return
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(self._result)  # type: ignore[arg-type]  # as in `outcome`


def tell_loops(jobs: Iterable[Job[Any]]) -> None:
    """Hand over what is waited for in event loops. Each of them is woken once; who waits in threads is not told."""
    loops: dict[asyncio.AbstractEventLoop, list[Job[Any]]] = defaultdict(list)
    for job in jobs:
        if job.future is not None:
            loops[job.future.get_loop()].append(job)
    for loop, its in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_hand_over, its)


def _hand_over(jobs: Sequence[Job[Any]]) -> None:
    for job in jobs:
        job.hand_over()
