"""One follower of the trail in a process, and everybody who listens to it.

trail ──► follow (one task) ──► happened ──► listener ─► listener ─► … each with a queue that has an end

Whoever comes with the number of the last event they know is read the rest from the trail, page by page, until they
have what the follower has; from then on they are told by it. Nothing is missed between the two, and nothing told twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from ...callers.seats import Seat
from ...commands import FollowAudit, Followed, GetRequest, GetRun
from ...contracts import Store
from ...errors import RequestNotFound, RunNotFound
from ..seeing import Parties, parties_of
from .happened import Happened, happened, stopped_run

log = logging.getLogger("hitl_core.server")

PAGE: Final = 250
"""Lines that are read at once."""

ROOM: Final = 1_000
"""Events that may wait for one listener. Who is slower than that is told to come again."""

GATHER: Final = 0.05
"""Seconds in which changes are gathered before the trail is read again."""

PATIENCE: Final = 1.0
"""Seconds until the trail is looked at again where nothing was heard, or where the store was away."""

FAR: Final = 10_000
"""Lines that somebody may have missed. Who was away for longer loads anew, or reads the trail itself."""

REPLAYED: Final = 2
"""Pages of the trail that are read at the same time for those who have missed something: they take turns."""

REMEMBERED: Final = 2_048
"""Events of which it is kept who has a part in their request."""

Admits = Callable[[Happened], bool]


class TooSlow(Exception):
    """A listener has not taken what it was told; it can come again with the last number that it knows."""


class Listener:
    """One who listens: what they were not given yet, and how far they are."""

    def __init__(self, admits: Admits, after: int, room: int) -> None:
        self.after = after
        self._admits = admits
        self._room = room
        self._waiting: deque[Happened] = deque()
        self._heard = asyncio.Event()
        self._slow = self._over = False

    def tell(self, event: Happened) -> None:
        """Never waits. What comes after the end of the queue is not kept: it stands in the trail."""
        if self._slow or event.seq <= self.after:
            return
        if self._admits(event):
            self._slow = len(self._waiting) >= self._room
            self._waiting.append(event)
            self._heard.set()
        if self._slow:
            self._waiting.clear()
        else:
            self.after = event.seq

    def end(self) -> None:
        self._over = True
        self._heard.set()

    async def heard(self, timeout: float) -> tuple[Happened, ...] | None:
        """All that has come, in order; nothing after `timeout` seconds; None at the end. Raises TooSlow."""
        if not self._heard.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), timeout)
        self._heard.clear()
        if self._slow:
            raise TooSlow
        taken = tuple(self._waiting)
        self._waiting.clear()
        return None if self._over and not taken else taken


async def tip(store: Store) -> int:
    """The number of the newest line.

    A page takes it before it reads what it shows, and listens from there on: else what happens until then is missed.
    """
    page = await store.fetch(FollowAudit(limit=1, newest=True))
    return page.items[0].entry.seq if page.items else 0


class Hub:
    """Follows the trail of a store for all who listen in this process, as long as somebody does."""

    def __init__(self, store: Store, *, room: int = ROOM) -> None:
        self._store = store
        self._room = room
        self._listeners: set[Listener] = set()
        self._seen = 0
        self._seats: Counter[str] = Counter()
        self._replaying = asyncio.Semaphore(REPLAYED)
        self._parties: OrderedDict[int, Parties | None] = OrderedDict()
        self._follower: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def close(self) -> None:
        """Let everybody go, and follow no more."""
        self._closed = True
        for each in self._listeners:
            each.end()
        await self._stop()

    async def tip(self) -> int:
        """The number of the newest line."""
        return await tip(self._store)

    async def is_far(self, after: int) -> bool:
        """Whether more has happened since than is told once more."""
        return await self.tip() - after > FAR

    def seat(self, person: str) -> Seat:
        """A place for one of somebody's streams."""
        return Seat(person, self._seats)

    async def missed(self, after: int) -> AsyncGenerator[tuple[Happened, ...], None]:
        """What the trail has after a number, page by page."""
        more: str | None = str(after)
        while more is not None and not self._closed:
            async with self._replaying:
                page = await self._store.fetch(FollowAudit(after=int(more), limit=PAGE))
                told = tuple([await self._happened(each) for each in page.items])
            if told:
                yield told
            more = page.cursor
            await asyncio.sleep(0)

    async def parties(self, event: Happened, now: datetime) -> Parties | None:
        """Who has a part in the request that an event tells of; None for what is not known. Read once for all."""
        if event.seq not in self._parties:
            self._parties[event.seq] = await self._read_parties(event, now)
            if len(self._parties) > REMEMBERED:
                self._parties.popitem(last=False)
        return self._parties[event.seq]

    async def _read_parties(self, event: Happened, now: datetime) -> Parties | None:
        if event.request is None:
            return None
        try:
            settled = await self._store.fetch(GetRequest(event.request))
        except RequestNotFound:
            return None
        return await parties_of(self._store, settled, now)

    async def join(self, admits: Admits, after: int | None) -> Listener | None:
        """Begin to listen after a number, or now; None where the follower has more than that: `missed` comes first."""
        await self._follow()
        if after is not None and after < self._seen and not self._closed:
            return None
        listener = Listener(admits, max(after or 0, self._seen), self._room)
        self._listeners.add(listener)
        if self._closed:
            listener.end()
        return listener

    async def leave(self, listener: Listener | None) -> None:
        """Listen no more. When nobody does, nothing is followed."""
        if listener is not None:
            self._listeners.discard(listener)
        if not self._listeners:
            await self._stop()

    # ── the follower ─────────────────────────────────────────────────────────────────────────────────────────

    async def _follow(self) -> None:
        async with self._starting:
            if self._closed or (self._follower is not None and not self._follower.done()):
                return
            self._seen = await self.tip()
            self._follower = asyncio.create_task(self._serve(), name="hitl-feed")

    async def _stop(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.cancel()
            await asyncio.wait((follower,))

    async def _serve(self) -> None:
        while True:
            try:
                if await self._read():
                    await asyncio.sleep(0)  # those who listen take turns with it
                    continue
                await self._store.changed(timeout=PATIENCE)
                await asyncio.sleep(GATHER)
            except Exception as exc:  # a store that is away comes back; until then people have what they have
                log.warning("the events cannot be read just now: %s", exc)
                await asyncio.sleep(PATIENCE)

    async def _read(self) -> bool:
        """Tell what is new; whether there may be more."""
        page = await self._store.fetch(FollowAudit(after=self._seen, limit=PAGE))
        for event in [await self._happened(each) for each in page.items]:
            self._seen = event.seq
            for listener in self._listeners:
                listener.tell(event)
        return page.cursor is not None

    async def _happened(self, followed: Followed) -> Happened:
        run, tenant = stopped_run(followed.entry), None
        if run is not None:
            with suppress(RunNotFound):
                tenant = (await self._store.fetch(GetRun(run))).tenant
        return happened(followed, tenant_of_target=tenant)
