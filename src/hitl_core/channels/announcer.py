"""Tells every configured channel about a request, in the background; a channel that fails never harms a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from ..contracts import Channel
from ..protocol import PauseRequest

log = logging.getLogger("hitl_core")


PATIENCE: Final = 5.0
"""Seconds that announcements under way get when the runtime closes."""


class Announcer:
    """Starts one task for each announcement and channel; `close` waits for them, for up to `patience` seconds."""

    def __init__(self, channels: Sequence[Channel], *, patience: float = PATIENCE) -> None:
        self._channels = tuple(channels)
        self._patience = patience
        self._tasks: set[asyncio.Task[None]] = set()

    def announce(self, request: PauseRequest) -> None:
        """Hand `request` to every channel without waiting."""
        for channel in self._channels:
            task = asyncio.ensure_future(_announce(channel, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for the announcements under way; one that hangs is given up, as the inbox has its request anyway."""
        if not self._tasks:
            return
        _, hanging = await asyncio.wait(self._tasks, timeout=self._patience)
        for task in hanging:
            task.cancel()
        if hanging:
            log.warning("%d announcements took longer than %s s and were given up", len(hanging), self._patience)
            await asyncio.wait(hanging, timeout=self._patience)


async def _announce(channel: Channel, request: PauseRequest) -> None:
    try:
        await channel.announce(request)
    except Exception:
        log.exception("channel %s could not announce request %s", channel.name, request.id)
