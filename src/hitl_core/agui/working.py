"""Turns that go on when the page that began them has gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

from ..protocol import LiveEvent


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

    async def close(self) -> None:
        """Wait for all of them."""
        while self._turns:
            with suppress(Exception):
                await asyncio.gather(*self._turns)


async def _hear(work: AsyncIterator[LiveEvent], heard: asyncio.Queue[LiveEvent | None]) -> None:
    try:
        async for event in work:
            heard.put_nowait(event)
    finally:
        heard.put_nowait(None)
