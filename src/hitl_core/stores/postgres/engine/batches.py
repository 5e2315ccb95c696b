"""Group commit: who comes while a batch is under way waits for the next one, and one of them carries it out for all.

A batch leaves to its caller what it could not do without waiting, or what failed with it: that is then done alone, as
any other command is. So nobody waits because of a neighbour, and what one does wrong is told to nobody else.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Final, TypeVar

from ....commands import Command
from ...sql import jobs
from ...sql.jobs import tell_loops

R = TypeVar("R")

MOST: Final = 256
"""Commands in one batch."""


class Job(jobs.Job[R]):
    """A command that waits. `turn` is released when its batch is over, or when its thread is the one that `leads` the
    next.
    """

    __slots__ = ("leads", "turn")

    def __init__(self, command: Command[R], future: asyncio.Future[R] | None = None) -> None:
        super().__init__(command, future)
        self.leads = False
        self.turn = threading.Semaphore(0)


class Batches:
    """One batch of this process at a time. May be used by many threads and event loops at once.

    `together` carries out jobs and leaves those undone that are to be done alone, by `alone`. What event loops wait for
    is done in `threads`.
    """

    def __init__(
        self,
        together: Callable[[Sequence[Job[Any]]], None],
        alone: Callable[[Command[Any]], Any],
        threads: Executor,
    ) -> None:
        self._together = together
        self._alone = alone
        self._threads = threads
        self._guard = threading.Lock()
        self._queue: deque[Job[Any]] = deque()
        self._led = False

    def blocking(self, command: Command[R]) -> R:
        """Carry out a command, in the calling thread if no batch is under way."""
        job: Job[R] = Job(command)
        if not self._is_first(job):
            job.turn.acquire()
        if job.leads:
            self._lead()
        return job.outcome() if job.carried_out else self._alone(command)

    async def awaited(self, command: Command[R]) -> R:
        """Carry out a command in a thread. To stop waiting does not undo it."""
        job: Job[R] = Job(command, asyncio.get_running_loop().create_future())
        if self._is_first(job):
            self._begin(self._lead)
        assert job.future is not None
        return await job.future

    def _is_first(self, job: Job[Any]) -> bool:
        """Queue it. Whether nobody leads: then it does."""
        with self._guard:
            self._queue.append(job)
            job.leads, self._led = not self._led, True
            return job.leads

    def _lead(self) -> None:
        """Carry out a batch, tell those who are in it, and let the next one be led by one who waits for it."""
        with self._guard:
            batch = [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]
        try:
            self._together(batch)
        finally:
            self._pass_on()
            self._tell(batch)

    def _pass_on(self) -> None:
        with self._guard:
            heir = self._queue[0] if self._queue else None
            self._led = heir is not None
        if heir is None:
            return
        heir.leads = True
        if heir.future is None:
            heir.turn.release()
        else:
            self._begin(self._lead)

    def _tell(self, batch: Sequence[Job[Any]]) -> None:
        """Wake waiting threads one by one, and each event loop once."""
        for job in batch:
            if job.future is None:
                job.turn.release()
            elif not job.carried_out:
                self._begin(partial(self._finish, job))
        tell_loops([job for job in batch if job.carried_out])

    def _finish(self, job: Job[Any]) -> None:
        """Do alone what a batch has left, for somebody in an event loop."""
        try:
            job.succeed(self._alone(job.command))
        except BaseException as exc:
            job.fail(exc)
        tell_loops([job])

    def _begin(self, work: Callable[[], None]) -> None:
        """In a thread of those that are there for it; in this one if they are let go of just now."""
        try:
            self._threads.submit(work)
        except RuntimeError:
            work()
