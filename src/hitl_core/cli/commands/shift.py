"""The shift of one worker: until it is told to end, and what it leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Self

from rich.text import Text

from ...config import Config
from ...runtime import Left, Runtime, Worker
from ...runtime.worker import CUT_SECONDS
from ..hearing import Hearing
from ..opening import Opening
from ..options import Exit
from ..terminal.log import tell


class Shift:
    """Works on up to `places` runs at once. `end` may be called from any thread, also before it has begun."""

    def __init__(self, opening: Opening, *, places: int, grace: float) -> None:
        self.opening, self.grace, self._places = opening, grace, places
        self._told = False
        self._stop: Callable[[], object] = lambda: None

    @classmethod
    def of(cls, opening: Opening, *, concurrency: int | None = None, grace: float | None = None) -> Self:
        """As it is configured, where nothing else is said. Raises ConfigError."""
        opening.require_store("a worker")
        config = Config.load(opening.config, backend=opening.backend)
        own = config.grace_seconds if grace is None else grace
        return cls(opening, places=concurrency or config.concurrency, grace=own)

    def hearing(self, first: Callable[[], None]) -> AbstractContextManager[object]:
        """Hears signals, with as much patience as an orderly end can take."""
        return Hearing(first, patience=self.grace + 2 * CUT_SECONDS, late=Exit.FAILED)

    def end(self) -> None:
        self._told = True
        self._stop()
        tell(
            "the worker claims nothing more and finishes what it holds; what takes longer than "
            f"{self.grace:g} s is given back, and once more ends it now"
        )

    async def work(self, hitl: Runtime) -> Left:
        """Until it is told to end."""
        made = await self._begun(hitl)
        tell(f"worker {hitl.owner} works on up to {self._places} runs at once")
        return await made.run()

    async def work_until_idle(self, hitl: Runtime) -> tuple[int, Left]:
        """Until there is nothing left to do now; with the number of turns."""
        made = await self._begun(hitl)
        turns = await made.run_until_idle()
        return turns, made.left

    async def _begun(self, hitl: Runtime) -> Worker:
        if await hitl.at_home():
            await self.opening.attach(hitl)  # an app that cannot be overseen ends the worker here, not at every claim
        else:
            tell("the framework is not installed here: this worker works on undos only", "yellow")
        made, loop = Worker(hitl, concurrency=self._places, grace=self.grace), asyncio.get_running_loop()
        self._stop = lambda: _tell(loop, made)
        if self._told:  # while it was starting
            made.stop()
        return made


def _tell(loop: asyncio.AbstractEventLoop, worker: Worker) -> None:
    with suppress(RuntimeError):  # its loop is closed: it has ended
        loop.call_soon_threadsafe(worker.stop)


def in_words(left: Left) -> Iterator[Text]:
    """What a worker did not finish."""
    for run_id in left.released:
        yield Text(f"given back: {run_id}", "yellow")
    for run_id, calls in left.begun:
        yield Text(f"cut off: {run_id} in {', '.join(calls)}", "bold red")


def exit_for(left: Left) -> Exit:
    """The exit status of a worker that has left this."""
    return Exit.FAILED if left.begun else Exit.PAUSED if left.released else Exit.DONE
