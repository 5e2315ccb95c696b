"""The leases of the turns under way: renewed in time, also while the event loop stands still in a tool.

Each turn renews its own lease on its loop. Where that loop is late, because a tool blocks it, a thread does it instead:
the run is being worked on, and nobody is to take it over. What freezes the whole process (SIGSTOP, a machine that
sleeps) freezes the thread too; then the fence refuses what comes after, and a turn that finds its lease ended asks the
store once more before a tool.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..commands import Lease, RenewLease
from ..contracts import Clock, Store
from ..errors import HitlError, StoreUnavailable

log = logging.getLogger("hitl_core")


class Held:
    """The lease of one turn."""

    def __init__(self, lease: Lease, store: Store, clock: Clock, seconds: float) -> None:
        self.lease = lease
        self.renewed = time.monotonic()
        self._store, self._clock, self._seconds = store, clock, seconds

    async def renew(self) -> None:
        """Raises LeaseLost and StoreError."""
        self.lease = await self._store.apply(RenewLease(self.lease, self._seconds, self._clock.now()))
        self.renewed = time.monotonic()

    async def renew_if_over(self) -> None:
        """Before a tool: if the lease has ended, the run may be somebody else's. Raises LeaseLost, StoreError."""
        if self._clock.now() >= self.lease.until:
            await self.renew()

    async def keep(self) -> None:
        """Renew it again and again, on the turn's own loop. Raises LeaseLost, or StoreUnavailable once it has ended.

        However often that takes: while it stands, a store that is away is no reason to stop a tool.
        """
        while True:
            await self._clock.sleep(self._seconds / 3)
            await self._persistently()

    async def _persistently(self) -> None:
        while True:
            try:
                return await self.renew()
            except StoreUnavailable as exc:
                left = (self.lease.until - self._clock.now()).total_seconds()
                if left <= 0:
                    raise
                name = self.lease.run_id
                log.warning("run %s: its lease could not be renewed, %.1f s are left: %s", name, left, exc)
            await self._clock.sleep(min(left, self._seconds / 10))


class Holding:
    """All leases that a runtime holds, and the thread that keeps those whose loop is late."""

    def __init__(self, store: Store, clock: Clock, seconds: float) -> None:
        self.seconds = seconds
        self._store, self._clock = store, clock
        self._held: set[Held] = set()  # of one run there may be two: who thaws may take its own run over
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[Held]:
        """The lease of a turn, kept until the end of the block."""
        held = Held(lease, self._store, self._clock, self.seconds)
        self._held.add(held)
        self._watch()
        try:
            yield held
        finally:
            self._held.discard(held)

    def of(self, run_id: str) -> Lease | None:
        """The newest lease of the run, if a turn of it is under way here."""
        leases = [held.lease for held in self._held if held.lease.run_id == run_id]
        return max(leases, key=lambda lease: lease.fence, default=None)

    def close(self) -> None:
        """Let the thread go."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    # ── the thread ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _watch(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="hitl-leases", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while not self._closing.wait(self.seconds / 6):
            late = [each for each in tuple(self._held) if self._is_late(each)]
            if late:
                asyncio.run(_renew_all(late))

    def _is_late(self, held: Held) -> bool:
        return time.monotonic() - held.renewed > self.seconds / 2


async def _renew_all(late: list[Held]) -> None:
    """What fails here is found by the turn itself, as soon as its loop goes on."""
    for held in late:
        log.warning("run %s: its event loop stands still; its lease is renewed beside it", held.lease.run_id)
        with suppress(HitlError):
            await held.renew()
