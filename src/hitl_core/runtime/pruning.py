"""What rules have counted and no look at the past reaches any more is deleted, a little at each sweep.

So are slips that have expired.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ..commands import PruneHistory, PruneSlips
from ..gate import Surroundings
from ..policy import LONGEST

log = logging.getLogger("hitl_core")

EVERY: Final = timedelta(hours=1)
"""How long a process waits after it has gone through all series."""

MARGIN: Final = timedelta(days=1)
"""Kept besides: the clocks of two machines differ."""

AT_ONCE: Final = 500
"""Rows that one command deletes, and keys that it looks at, at most."""

AT_ONCE_PLACES: Final = 2
"""Commands of one sweep: whoever begins near the end of a series goes on at its start."""

KEPT: Final = LONGEST
"""How long everything is kept if nobody says otherwise: as far as a window can reach, in this policy or a later one."""


class _Place(NamedTuple):
    """Where to go on: in which series, behind which key."""

    series: str
    kept: timedelta
    after: str = ""


class Pruning:
    """The series of the policy in force, in any order, each from any place to its end and then from its start.

    So processes that live for one sweep only (`hitl tick`) get everywhere in time, too. What no rule here counts is not
    touched.
    """

    def __init__(self, around: Surroundings, kept: timedelta) -> None:
        self._around = around
        self._kept = kept
        self._to_do: deque[_Place] = deque()
        self._next: datetime | None = None
        self._expired = False

    async def step(self) -> None:
        """Delete a little. It is housekeeping: if it fails, that is logged, and it is tried again later."""
        now = self._around.now()
        begins = not self._to_do and (self._next is None or now >= self._next)
        if begins:
            self._begin(now)
        try:
            self._expired = (begins or self._expired) and await self._prune_slips(now)
            for _ in range(min(AT_ONCE_PLACES, len(self._to_do))):
                await self._prune(now, self._to_do.popleft())
        except Exception as exc:  # what is kept too long changes no decision
            log.warning("what rules have counted, and slips that have expired, cannot be pruned: %s", exc)
            self._to_do.clear()

    def _begin(self, now: datetime) -> None:
        self._next = now + EVERY
        reach = self._around.policy().windows()
        series = [(each, max(within, self._kept)) for each, within in reach.items() if within is not None]
        secrets.SystemRandom().shuffle(series)
        for each, kept in series:
            self._to_do += (_Place(each, kept, secrets.token_hex(32)), _Place(each, kept))

    async def _prune_slips(self, now: datetime) -> bool:
        """Delete some of those that have expired; whether there may be more."""
        return await self._around.store.apply(PruneSlips(now, AT_ONCE)) == AT_ONCE

    async def _prune(self, now: datetime, place: _Place) -> None:
        command = PruneHistory(place.series, now - place.kept - MARGIN, place.after, AT_ONCE)
        after = await self._around.store.apply(command)
        if after:
            self._to_do.appendleft(place._replace(after=after))
