"""Retention: runs that are over for long enough are erased, one after the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from ..commands import CompactRun, EraseRun, ListCompactable, ListErasable
from ..contracts import Store, every
from ..gate import Surroundings
from ..protocol import Responder


async def retain(around: Surroundings, older_than: timedelta, by: Responder, reason: str) -> int:
    """Erase what is older; each run is a transaction of its own, so that it can be broken off and begun again."""
    before, erased = around.now() - older_than, 0
    while True:
        old = await around.store.fetch(ListErasable(before))
        for run_id in old:
            now, known = around.now(), by.authenticated_by
            command = EraseRun(run_id, by.id, reason, now, retention=True, authenticated_by=known)
            await around.store.apply(command)
        erased += len(old)
        if not old:
            return erased


class Compacted(NamedTuple):
    """How many runs were compacted, and how many records of theirs are gone."""

    runs: int
    records: int


async def compact(store: Store, older_than: timedelta, now: datetime) -> Compacted:
    """Compact all runs that are over for longer; each is a transaction of its own, so it can be broken off."""
    before = now - older_than
    old = every(store, ListCompactable(before))
    gone = [await store.apply(CompactRun(each, before, now)) async for each in old]
    return Compacted(sum(1 for each in gone if each), sum(gone))
