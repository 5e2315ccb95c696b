"""What rules have counted and no look at the past reaches any more is deleted, a little at each sweep."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from ..commands import PruneHistory
from ..gate import Surroundings
from ..policy import LONGEST

log = logging.getLogger("hitl_core")

EVERY: Final = timedelta(hours=1)
"""How long a process waits after it has gone through all series."""

MARGIN: Final = timedelta(days=1)
"""Kept besides: the clocks of two machines differ."""

AT_ONCE: Final = 500
"""Rows that one sweep deletes, and places that it looks at, at most."""

KEPT: Final = LONGEST
"""How long everything is kept if nobody says otherwise: as far as a window can reach, in this policy or a later one."""


class Pruning:
    """The series of the policy in force, one after the other. What no rule here counts is not touched."""

    def __init__(self, around: Surroundings, kept: timedelta) -> None:
        self._around = around
        self._kept = kept
        self._to_do: deque[tuple[str, timedelta]] = deque()
        self._after = ""
        self._next: datetime | None = None

    async def step(self) -> None:
        """Delete a little. It is housekeeping: if it fails, that is logged, and it is tried again later."""
        now = self._around.now()
        if not self._to_do and (self._next is None or now >= self._next):
            self._begin(now)
        if not self._to_do:
            return
        try:
            await self._prune(now, *self._to_do[0])
        except Exception as exc:  # what is kept too long changes no decision
            log.warning("what rules have counted cannot be pruned: %s", exc)
            self._to_do.clear()

    def _begin(self, now: datetime) -> None:
        self._next = now + EVERY
        reach = self._around.policy().windows()
        self._to_do.extend((series, max(within, self._kept)) for series, within in reach.items() if within is not None)

    async def _prune(self, now: datetime, series: str, kept: timedelta) -> None:
        more = await self._around.store.apply(PruneHistory(series, now - kept - MARGIN, self._after, AT_ONCE))
        self._after = more
        if not more:
            self._to_do.popleft()
