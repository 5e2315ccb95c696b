"""A worker: claims answered runs and resumes them, fires deadlines, and takes over from workers that died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..commands import Beat, BeatWorker, Claimed, ForgetWorker, NextDue, ReleaseRun
from ..errors import HitlError, LeaseLost
from ..logs import placed
from .runtime import Runtime

log = logging.getLogger("hitl_core")

SCAN_SECONDS = 1.0
"""How long a worker waits before it sees to what is due by itself, while others work, or have changed something."""

IDLE_SECONDS = 10.0
"""The same where nobody is at work and nothing changes."""

AHEAD: Final = 0.005
"""Seconds that turns get ahead of the next look for more: it would take the processor from who was waited for."""

CUT_SECONDS: Final = 5.0
"""How long a turn that is cut off may take to come to its end."""


SUSPECT: Final = 2
"""After so many workers that died in one turn of a run it is worked on by itself."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a worker did not finish: runs that it gave back, and those that it cut off in calls that had begun."""

    released: tuple[str, ...] = ()
    begun: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __add__(self, other: Left) -> Left:
        """What two workers did not finish."""
        return Left((*self.released, *other.released), (*self.begun, *other.begun))


def _is_suspect(claimed: Claimed) -> bool:
    """Whether its workers have died again and again: nothing is worked on beside it, to be taken with it."""
    return claimed.interrupted and claimed.run.tries > SUSPECT


class Worker:
    """Works on up to `concurrency` runs at once until it is told to stop; then it finishes what it holds.

    What is not finished `grace` seconds later is given back for others to take over, by default as configured.
    """

    def __init__(self, runtime: Runtime, *, concurrency: int = 4, grace: float | None = None) -> None:
        self._runtime = runtime
        self._concurrency = concurrency
        self._grace = runtime.settings.grace if grace is None else grace
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()
        self._active: dict[asyncio.Task[None], Claimed] = {}
        self._last: str | None = None
        self._ticked: datetime | None = None
        self._ticks_at: datetime | None = None
        self._heard = False
        self.left = Left()
        self._started_at = runtime.clock.now()

    def stop(self) -> None:
        """Claim nothing more. Call it on the worker's own loop."""
        self._stopping.set()

    async def run(self) -> Left:
        """Work until `stop`; returns when the turns under way have ended, or were cut off, with what is left."""
        beside = asyncio.ensure_future(self._beat_on()), asyncio.ensure_future(self._listen())
        try:
            while not self._stopping.is_set():
                if await self._take(due=self._is_time):
                    await self._one_ends(within=AHEAD)
                else:
                    await self._rest()
            await self._beat()
            await self._end()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._forgotten()
        return self.left

    async def run_until_idle(self) -> int:
        """Work until there is nothing left to do now, or until `stop`; returns the number of turns."""
        turns = 0
        while not self._stopping.is_set() and (taken := await self._fill()):
            turns += taken
            await self._end()
        return turns

    # ── claiming ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _fill(self) -> int:
        """Take what there is for all places."""
        total = 0
        while taken := await self._take(due=lambda taken: not taken):
            total += taken
        return total

    async def _take(self, *, due: Callable[[int], bool]) -> int:
        """Claim as many runs as there are free places, and start working on them.

        What is due by itself is seen to afterwards, if it is time for that: whoever has answered waits for no more than
        the claim.
        """
        self._news.clear()
        free = self._concurrency - len(self._active)
        if free <= 0 or any(_is_suspect(each) for each in self._active.values()):
            return 0
        try:
            taken = await self._claim(free)
            if not due(taken):
                return taken
            await self._tick()
            return taken or await self._claim(free)
        except HitlError as exc:
            log.warning("could not look for work: %s", exc)
        except Exception:  # an app that could not be built just now, as when a server of its own is away
            log.exception("could not look for work")
        self._ticked, self._heard = self._runtime.clock.now(), True  # it is tried again soon
        return 0

    async def _claim(self, free: int) -> int:
        if self._stopping.is_set():  # while it has seen to what is due, say
            return 0
        claimed = await self._runtime.claim(limit=free, after=self._last, alone=not self._active)
        for each in claimed:
            task = asyncio.ensure_future(self._work(each))
            self._active[task] = each
            task.add_done_callback(self._has_ended)
            self._last = each.run.id
        return len(claimed)

    def _has_ended(self, turn: asyncio.Task[None]) -> None:
        """There is a place free for another run."""
        del self._active[turn]
        self._news.set()

    async def _work(self, claimed: Claimed) -> None:
        """One turn. Whatever it raises ends this turn only: another worker takes the run over when its lease ends."""
        with placed(run_id=claimed.run.id, turn=str(claimed.lease.fence), worker=claimed.lease.owner):
            try:
                run = await self._runtime.drive(claimed, again=True)
            except HitlError as exc:
                log.warning("run %s: %s", claimed.run.id, exc)
            except Exception:
                log.exception("run %s: its turn broke", claimed.run.id)
            else:
                again = "" if run.retry_at is None else f": it is tried again at {run.retry_at}"
                log.info("run %s is %s%s", run.id, run.state, again)

    # ── resting ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _rest(self) -> None:
        """Wait for a change in the store, a finished turn, the time of what is due by itself, or the order to stop."""
        patience = self._runtime.clock.sleep(await self._patience())
        waits = [asyncio.ensure_future(each) for each in (self._news.wait(), self._stopping.wait(), patience)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _listen(self) -> None:
        """Hear of changes in one task for as long as it works: a store knows by the task what it has told it of.

        The first look is over at once, so that nothing between it and the first claim is missed.
        """
        await self._changed(0.0)
        while True:
            self._heard = True
            self._news.set()
            await self._changed(IDLE_SECONDS)

    async def _changed(self, timeout: float) -> None:
        """Return when the store has changed, or after the timeout; a store that is away is not asked at once."""
        try:
            await self._runtime.store.changed(timeout=timeout)
        except Exception as exc:
            log.warning("could not wait for changes: %s", exc, exc_info=not isinstance(exc, HitlError))
            await self._runtime.clock.sleep(SCAN_SECONDS)

    # ── what is due by itself ────────────────────────────────────────────────────────────────────────────────────────

    async def _tick(self) -> None:
        self._ticked, self._heard = self._runtime.clock.now(), False
        self._ticks_at = self._ticked + timedelta(seconds=SCAN_SECONDS)
        await self._runtime.tick()

    def _is_time(self, taken: int) -> bool:
        """Whether it is time for that, whatever was taken."""
        return self._ticks_at is None or self._runtime.clock.now() >= self._ticks_at

    async def _patience(self) -> float:
        """How long nothing has to be looked at, unless something changes. What is overdue waits for a stop to end."""
        now = self._runtime.clock.now()
        last = now if self._ticked is None else self._ticked
        soon = self._heard or self._runtime.others_at_work
        at = last + timedelta(seconds=SCAN_SECONDS if soon else IDLE_SECONDS)
        due = await self._next_due()
        if due is not None:
            at = min(at, due if due > last else last + timedelta(seconds=SCAN_SECONDS))
        self._ticks_at = at
        return max(0.0, (at - now).total_seconds())

    async def _next_due(self) -> datetime | None:
        """When the next thing is due; a store that is away is asked again soon."""
        try:
            return await self._runtime.store.fetch(NextDue())
        except Exception as exc:
            log.warning("could not see what is due next: %s", exc, exc_info=not isinstance(exc, HitlError))
            return self._runtime.clock.now() + timedelta(seconds=SCAN_SECONDS)

    # ── ending ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _end(self) -> None:
        """Let the turns under way end. Once told to stop, those that take longer than the grace are cut off."""
        while self._active and not self._stopping.is_set():
            await self._one_ends()
        if self._active:
            over = asyncio.ensure_future(self._runtime.clock.sleep(self._grace))
            everybody = asyncio.ensure_future(asyncio.wait(tuple(self._active)))
            await asyncio.wait((over, everybody), return_when=asyncio.FIRST_COMPLETED)
            for task in (over, everybody):
                task.cancel()
            await asyncio.gather(over, everybody, return_exceptions=True)
        await self._cut_off()

    async def _one_ends(self, *, within: float | None = None) -> None:
        told = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait((told, *self._active), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        await asyncio.gather(told, return_exceptions=True)

    async def _cut_off(self) -> None:
        """Cut off what is still under way, and give back what can be given back."""
        await asyncio.gather(*(self._cut(task, claimed) for task, claimed in tuple(self._active.items())))

    async def _cut(self, task: asyncio.Task[None], claimed: Claimed) -> None:
        lease = self._runtime.holds(claimed.run.id) or claimed.lease
        task.cancel()
        await asyncio.wait((task,), timeout=CUT_SECONDS)
        try:
            begun = await self._runtime.store.apply(ReleaseRun(lease, self._runtime.clock.now()))
        except LeaseLost:
            return  # it came to its end meanwhile
        except HitlError as exc:
            log.warning("run %s: it is not given back, its lease has to end first: %s", claimed.run.id, exc)
            begun = ()
        self._leave(claimed.run.id, begun)

    def _leave(self, run_id: str, begun: tuple[str, ...]) -> None:
        if not begun:
            log.warning("run %s: cut off between two actions; others take it over", run_id)
            self.left = replace(self.left, released=(*self.left.released, run_id))
            return
        calls = ", ".join(begun)
        log.warning("run %s: cut off in %s; who takes it over does not know whether that happened", run_id, calls)
        self.left = replace(self.left, begun=(*self.left.begun, (run_id, begun)))

    # ── signs of life ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _every(self) -> float:
        """Seconds between two signs of life: one write for all the runs that it works on."""
        return max(self._runtime.settings.lease_seconds / 3, 1.0)

    async def _beat_on(self) -> None:
        while True:
            await self._beat()
            await self._runtime.clock.sleep(self._every)

    async def _beat(self) -> None:
        """People see who works. Nothing depends on it, so whatever goes wrong with it is only logged."""
        runtime = self._runtime
        try:
            home = await runtime.at_home()
            loads, busy, ending = runtime.loads(home=home), len(self._active), self._stopping.is_set()
            beat = Beat(runtime.owner, self._started_at, loads, self._concurrency, busy, ending)
            await runtime.store.apply(BeatWorker(beat, 3 * self._every, runtime.clock.now()))
        except Exception as exc:
            log.info("the sign of life of worker %s was not written: %s", runtime.owner, exc)

    async def _forgotten(self) -> None:
        try:
            await self._runtime.store.apply(ForgetWorker(self._runtime.owner, self._runtime.clock.now()))
        except Exception as exc:
            log.info("worker %s stays in the list for a while: %s", self._runtime.owner, exc)
