"""Turns that go on when the page that began them has gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from ..errors import HitlError, RunBusy
from ..protocol import LiveEvent
from ..runtime import Runtime

log = logging.getLogger("hitl_core.agui")


class Working:
    """The turns that pages have begun here. Who serves them closes it in the end, and waits for what is under way."""

    def __init__(self) -> None:
        self._turns: set[asyncio.Task[None]] = set()
        self._waits: set[asyncio.Timeout] = set()
        self.ending = asyncio.Event()
        """Set when it is closed: whoever answers a page without end, ends then."""

    async def listen(self, work: AsyncIterator[LiveEvent]) -> AsyncGenerator[LiveEvent]:
        """The events of a turn. Who stops listening does not stop it. Raises what it raises."""
        heard = _Heard()
        turn = asyncio.create_task(heard.hear(work), name="hitl-agui-turn")
        self._keep(turn)
        try:
            while (event := await heard.events.get()) is not None:
                yield event
            await asyncio.shield(turn)
        finally:
            heard.leave()

    def go_on(self, hitl: Runtime, run_id: str) -> None:
        """Have a run that was answered go on here, aside, unless it does already, or somewhere else."""
        name = f"hitl-agui-{run_id}"
        if not self.ending.is_set() and name not in {each.get_name() for each in self._turns}:
            self._keep(asyncio.create_task(_go_on(hitl, run_id), name=name))

    @asynccontextmanager
    async def until_ending(self) -> AsyncIterator[None]:
        """What is waited for inside, in this same task, is waited for no longer than until it is closed. Raises
        TimeoutError then.
        """
        async with asyncio.timeout(0 if self.ending.is_set() else None) as limit:
            self._waits.add(limit)
            try:
                yield
            finally:
                self._waits.discard(limit)

    def _keep(self, turn: asyncio.Task[None]) -> None:
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)

    async def close(self) -> None:
        """Wait for all of them."""
        self.ending.set()
        for limit in self._waits:
            if not limit.expired():
                limit.reschedule(0.0)
        while self._turns:
            await asyncio.gather(*self._turns, return_exceptions=True)


class _Heard:
    """What a turn says, for as long as somebody listens; afterwards nothing of it is kept."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[LiveEvent | None] = asyncio.Queue()
        self._listens = True

    async def hear(self, work: AsyncIterator[LiveEvent]) -> None:
        try:
            async for event in work:
                if self._listens:
                    self.events.put_nowait(event)
        except Exception as exc:
            if self._listens:
                raise
            log.info("a turn whose page has gone has ended: %s", exc)
        finally:
            self.events.put_nowait(None)

    def leave(self) -> None:
        self._listens = False
        while not self.events.empty():
            self.events.get_nowait()


async def _go_on(hitl: Runtime, run_id: str) -> None:
    try:
        await hitl.resume(run_id)
    except RunBusy:
        return
    except HitlError as exc:  # it is stopped, say, or of another app
        log.info("run %s does not go on here: %s", run_id, exc)
    except Exception:
        log.exception("run %s could not go on", run_id)
