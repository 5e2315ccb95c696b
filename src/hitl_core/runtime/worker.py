"""A worker: claims answered runs and resumes them, fires deadlines, and takes over from workers that died."""

from __future__ import annotations

import asyncio
import logging

from ..commands import Claimed
from ..errors import HitlError
from ..logs import placed
from .runtime import Runtime

log = logging.getLogger("hitl_core")

SCAN_SECONDS = 1.0
"""How long a worker waits at most for a wake-up before it looks by itself."""


class Worker:
    """Works on up to `concurrency` runs at once until it is told to stop; then it finishes what it holds."""

    def __init__(self, runtime: Runtime, *, concurrency: int = 4) -> None:
        self._runtime = runtime
        self._concurrency = concurrency
        self._stopping = asyncio.Event()
        self._active: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Claim nothing more. Safe to call from a signal handler of the loop."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`; returns when the turns under way have ended."""
        while not self._stopping.is_set():
            if not await self._take():
                await self._rest()
        if self._active:
            await asyncio.wait(self._active)

    async def run_until_idle(self) -> int:
        """Work until there is nothing left to do now, or until `stop`; returns the number of turns."""
        turns = 0
        while not self._stopping.is_set() and (taken := await self._take()):
            turns += taken
            await asyncio.wait(self._active)
        return turns

    async def _take(self) -> int:
        """Claim as many runs as there are free places, and start working on them."""
        free = self._concurrency - len(self._active)
        if free <= 0:
            return 0
        try:
            await self._runtime.tick()
            claimed = await self._runtime.claim(limit=free)
        except HitlError as exc:
            log.warning("could not look for work: %s", exc)
            return 0
        for each in claimed:
            task = asyncio.ensure_future(self._work(each))
            self._active.add(task)
            task.add_done_callback(self._active.discard)
        return len(claimed)

    async def _work(self, claimed: Claimed) -> None:
        """One turn. Whatever it raises ends this turn only: another worker takes the run over when its lease ends."""
        with placed(run_id=claimed.run.id, turn=str(claimed.lease.fence), worker=claimed.lease.owner):
            try:
                run = await self._runtime.drive(claimed)
            except HitlError as exc:
                log.warning("run %s: %s", claimed.run.id, exc)
            except Exception:
                log.exception("run %s: its turn broke", claimed.run.id)
            else:
                log.info("run %s is %s", run.id, run.state)

    async def _rest(self) -> None:
        """Wait for a change in the store, a finished turn, or the order to stop."""
        waits = asyncio.ensure_future(self._changed()), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((*waits, *self._active), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _changed(self) -> None:
        """Return when the store has changed, or when it is time to look; a store that is away is not asked at once."""
        try:
            await self._runtime.store.changed(timeout=SCAN_SECONDS)
        except Exception as exc:
            log.warning("could not wait for changes: %s", exc, exc_info=not isinstance(exc, HitlError))
            await self._runtime.clock.sleep(SCAN_SECONDS)
