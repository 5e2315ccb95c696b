"""Turns that go on when the page that began them has gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

from ..errors import RunBusy
from ..protocol import LiveEvent
from ..runtime import Runtime

log = logging.getLogger("hitl_core.agui")


class Working:
    """The turns that pages have begun here. Who serves them closes it in the end, and waits for what is under way."""

    def __init__(self) -> None:
        self._turns: set[asyncio.Task[None]] = set()

    async def listen(self, work: AsyncIterator[LiveEvent]) -> AsyncGenerator[LiveEvent]:
        """The events of a turn. Who stops listening does not stop it. Raises what it raises."""
        heard: asyncio.Queue[LiveEvent | None] = asyncio.Queue()
        turn = asyncio.create_task(_hear(work, heard), name="hitl-agui-turn")
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)
        while (event := await heard.get()) is not None:
            yield event
        await turn

    def go_on(self, hitl: Runtime, run_id: str) -> None:
        """Have a run that was answered go on here, aside, unless it does already, or somewhere else."""
        name = f"hitl-agui-{run_id}"
        if name not in {each.get_name() for each in self._turns}:
            turn = asyncio.create_task(_go_on(hitl, run_id), name=name)
            self._turns.add(turn)
            turn.add_done_callback(self._turns.discard)

    async def close(self) -> None:
        """Wait for all of them."""
        while self._turns:
            with suppress(Exception):
                await asyncio.gather(*self._turns)


async def _go_on(hitl: Runtime, run_id: str) -> None:
    try:
        await hitl.resume(run_id)
    except RunBusy:
        return
    except Exception:
        log.exception("run %s could not go on", run_id)


async def _hear(work: AsyncIterator[LiveEvent], heard: asyncio.Queue[LiveEvent | None]) -> None:
    try:
        async for event in work:
            heard.put_nowait(event)
    finally:
        heard.put_nowait(None)
