"""Group commit: whoever finds the writer idle carries out everything that is queued; the others wait for it.

A caller without an event loop works in its own thread (one durable answer costs little more than its disk flush); for
event loops a thread does the work. Whoever leaves with work still queued wakes that thread, so nothing is left behind.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ....commands import Command, PerformEffect
from ....errors import StoreError, StoreUnavailable
from ...sql.jobs import tell_loops
from .job import Job, Posted

log = logging.getLogger("hitl_core.stores")

R = TypeVar("R")

MOST: Final = 256
"""Commands in one transaction."""

_CLOSED: Final = "the store is closed; open it again"

SOLO: Final = (PerformEffect,)
"""Commands that run code of the user's: they share their transaction with nobody."""

Perform = Callable[[Sequence[Job[Any]]], bool]


class Writer:
    """Carries out commands in batches, one batch at a time, in the order in which they came."""

    def __init__(self, perform: Perform, *, after: Callable[[], None]) -> None:
        self._perform = perform
        self._after = after
        self._queue: deque[Job[Any]] = deque()
        self._turn = threading.Lock()
        self._wake: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._working: int | None = None
        self._closed = False
        self._over = False

    @property
    def alive(self) -> bool:
        """Whether its thread works; it has none until it is first needed."""
        return self._thread is None or self._thread.is_alive()

    def blocking(self, command: Command[R]) -> R:
        """Carry out a command and wait for it, in the calling thread if the writer is idle."""
        job: Job[R] = Job(command)
        self._enqueue(job)
        try:
            while not job.done and self._work():
                pass
        finally:
            if self._queue:
                self._rouse()
        return job.wait()

    async def awaited(self, command: Command[R]) -> R:
        """Carry out a command in the writer's thread. To stop waiting does not undo it."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._enqueue(Job(command, future))
        self._rouse()
        return await future

    def post(self, command: Command[R], *, lost: Callable[[BaseException], None]) -> None:
        """Carry out a command some time soon, and nobody waits. If it fails, `lost` is called; that must not raise."""
        self._enqueue(Posted(command, lost))
        self._rouse()

    def close(self) -> None:
        """Finish what is queued, and what a caller's own thread is at, then let the thread go.

        Commands that come later are refused. Nobody uses the engine any more when this returns.
        """
        self._closed = True
        while self._queue:
            with self._turn:
                self._batch()
        if self._thread is not None:
            self._wake.put(False)
            self._thread.join()
            self._thread = None
        if self._working != threading.get_ident():  # an effect that closes its own store would wait for itself
            with self._turn:
                self._over = True

    def _enqueue(self, job: Job[Any]) -> None:
        if self._closed:
            raise StoreUnavailable(_CLOSED)
        if self._working == threading.get_ident():
            raise StoreError("an effect must not change the store it runs in; it would wait for itself")
        self._queue.append(job)

    def _work(self) -> bool:
        """Carry out one batch, unless somebody else is at it."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            self._batch()
        finally:
            self._turn.release()
        return True

    def _batch(self) -> None:
        jobs = self._take()
        if not jobs:
            return
        if self._over:  # it was seen to be open, and closed before this was queued
            for job in jobs:
                job.fail(StoreUnavailable(_CLOSED))
            _tell(jobs)
            return
        changed = False
        self._working = threading.get_ident()
        try:
            changed = self._perform(jobs)
        except Exception as exc:
            log.exception("a batch of %d commands failed unexpectedly", len(jobs))
            _fail(jobs, exc)
        except BaseException as exc:
            _fail(jobs, exc)
            raise
        finally:
            self._working = None
            try:
                if changed:
                    self._after()  # first, so that who dies of being told has woken the others
            finally:
                _tell(jobs)

    def _take(self) -> list[Job[Any]]:
        jobs: list[Job[Any]] = []
        while self._queue and len(jobs) < MOST:
            solo = isinstance(self._queue[0].command, SOLO)
            if solo and jobs:
                break
            jobs.append(self._queue.popleft())
            if solo:
                break
        return jobs

    def _rouse(self) -> None:
        """Let the writer's thread look at the queue, once for all that come before it does; it is started if needed."""
        if self._wake.empty():
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="hitl-store-writer", daemon=True)
                    self._thread.start()
            self._wake.put(True)

    def _serve(self) -> None:
        while self._wake.get():
            while self._queue and self._work():
                pass


def _fail(jobs: Sequence[Job[Any]], exc: BaseException) -> None:
    for job in jobs:
        job.fail(StoreUnavailable(f"interrupted by {type(exc).__name__}; see what was kept, then try again"))


def _tell(jobs: Sequence[Job[Any]]) -> None:
    """Wake waiting threads one by one, and each event loop once."""
    for job in jobs:
        if job.future is None:
            job.finish()
    tell_loops(jobs)
