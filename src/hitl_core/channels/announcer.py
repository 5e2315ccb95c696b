"""Tells every configured channel about a request, in the background; a channel that fails never harms a run.

While one agent asks without end, people are told of its first requests, and then once a minute how many more there are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ..clock import SystemClock
from ..contracts import Channel, Clock, More, Recalls, SumsUp, Sweeps
from ..protocol import PauseRequest

log = logging.getLogger("hitl_core")


PATIENCE: Final = 5.0
"""Seconds that announcements under way get when the runtime closes."""

TOLD_A_MINUTE: Final = 20
MINUTE: Final = 60.0

_WINDOWS: Final = 1_000
"""Of how many it is known what they were told of late; old ones are forgotten then."""

Whom = tuple[str, tuple[str, ...], tuple[str, ...]]
"""Which agent asks, and whom: its flood is to hide nothing from those who are asked by others, or of others."""


@dataclass(slots=True)
class _Window:
    """What was told in one minute about one agent, and what was not."""

    until: datetime
    told: int = 0
    newest: PauseRequest | None = None
    """The last of those that nobody was told of."""
    others: list[str] = field(default_factory=list)
    """The ids of these, with the newest's."""

    @property
    def count(self) -> int:
        return len(self.others)


class Announcer:
    """Starts one task for each announcement and channel; `close` waits for them, for up to `patience` seconds.

    `most` announcements of one agent are made within a minute to those whom it asks; 0: all of them.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        clock: Clock | None = None,
        most: int = TOLD_A_MINUTE,
        patience: float = PATIENCE,
    ) -> None:
        self._channels = tuple(channels)
        self._clock = clock or SystemClock()
        self._most = most
        self._patience = patience
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: set[str] = set()
        self._windows: dict[Whom, _Window] = {}
        self._waiting: dict[Whom, asyncio.Task[None]] = {}

    @property
    def recalls(self) -> bool:
        """Whether a channel asks for what nobody was told of."""
        return any(isinstance(channel, Recalls) for channel in self._channels)

    def announce(self, request: PauseRequest) -> None:
        """Hand `request` to every channel without waiting; or, in a flood, count it."""
        if not self._channels or self._is_too_much(request):
            return
        for channel in self._channels:
            self._start(_announce(channel, request))

    def sweep(self) -> None:
        """Let channels send what has become due, each unless it is still at it, and announce what they recall."""
        for channel in self._channels:
            if isinstance(channel, Sweeps) and channel.name not in self._sweeping:
                self._sweeping.add(channel.name)
                self._start(self._sweep(channel, channel.name))

    async def _sweep(self, channel: Sweeps, name: str) -> None:
        try:
            if isinstance(channel, Recalls):
                for request in await channel.untold():
                    self.announce(request)
            await channel.sweep()
        except Exception:
            log.exception("channel %s could not send what is due", name)
        finally:
            self._sweeping.discard(name)

    async def close(self) -> None:
        """Wait for the announcements under way; one that hangs is given up, as the inbox has its request anyway."""
        for whom, task in [*self._waiting.items()]:
            task.cancel()
            self._sum_up(whom)
        if not self._tasks:
            return
        _, hanging = await asyncio.wait(self._tasks, timeout=self._patience)
        for task in hanging:
            task.cancel()
        if hanging:
            log.warning("%d announcements took longer than %s s and were given up", len(hanging), self._patience)
            await asyncio.wait(hanging, timeout=self._patience)

    def _start(self, telling: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(telling)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ── floods ───────────────────────────────────────────────────────────────────────────────────────────────

    def _is_too_much(self, request: PauseRequest) -> bool:
        whom = _whom(request)
        window = self._window(whom)
        if not self._most or window.told < self._most:
            window.told += 1
            return False
        window.newest = request
        window.others.append(request.id)
        if window.count == 1:
            self._waiting[whom] = asyncio.ensure_future(self._sum_up_later(whom, window.until))
        return True

    def _window(self, whom: Whom) -> _Window:
        now = self._clock.now()
        found = self._windows.get(whom)
        if found is None or (found.until <= now and not found.count):
            if len(self._windows) >= _WINDOWS:
                self._windows = {each: kept for each, kept in self._windows.items() if kept.until > now or kept.count}
            found = self._windows[whom] = _Window(now + timedelta(seconds=MINUTE))
        return found

    async def _sum_up_later(self, whom: Whom, until: datetime) -> None:
        await self._clock.sleep((until - self._clock.now()).total_seconds())
        self._sum_up(whom)

    def _sum_up(self, whom: Whom) -> None:
        """Say how many more there were, once, and begin anew."""
        self._waiting.pop(whom)
        window = self._windows.pop(whom)
        assert window.newest is not None
        more = More(whom[0], window.count, window.newest, tuple(window.others))
        for channel in self._channels:
            self._start(_say_how_many(channel, more))


def _whom(request: PauseRequest) -> Whom:
    agent = (*request.action.origin.agents, "")[0]
    return agent, request.approvers.users, request.approvers.roles


async def _announce(channel: Channel, request: PauseRequest) -> None:
    try:
        await channel.announce(request)
    except Exception:
        log.exception("channel %s could not announce request %s", channel.name, request.id)


async def _say_how_many(channel: Channel, more: More) -> None:
    """A channel that cannot say it shows the newest: that somebody waits is never kept from people."""
    try:
        await (channel.sum_up(more) if isinstance(channel, SumsUp) else channel.announce(more.newest))
    except Exception:
        log.exception("channel %s could not say that %d more requests are there", channel.name, more.count)
