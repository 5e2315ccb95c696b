"""Tells every configured channel about a request, in the background; a channel that fails never harms a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ..contracts import Channel
from ..protocol import PauseRequest

log = logging.getLogger("hitl_core")


class Announcer:
    """Starts one task for each announcement and channel; `close` waits for those under way."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = tuple(channels)
        self._tasks: set[asyncio.Task[None]] = set()

    def announce(self, request: PauseRequest) -> None:
        """Hand `request` to every channel without waiting."""
        for channel in self._channels:
            task = asyncio.ensure_future(_announce(channel, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for the announcements under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)


async def _announce(channel: Channel, request: PauseRequest) -> None:
    try:
        await channel.announce(request)
    except Exception:
        log.exception("channel %s could not announce request %s", channel.name, request.id)
