"""Retention: runs that are over for long enough are erased, one after the other."""

from __future__ import annotations

from datetime import timedelta

from ..commands import EraseRun, ListErasable
from ..gate import Surroundings


async def retain(around: Surroundings, older_than: timedelta, by: str, reason: str) -> int:
    """Erase what is older; each run is a transaction of its own, so that it can be broken off and begun again."""
    before, erased = around.now() - older_than, 0
    while True:
        old = await around.store.fetch(ListErasable(before))
        for run_id in old:
            await around.store.apply(EraseRun(run_id, by, reason, around.now(), retention=True))
        erased += len(old)
        if not old:
            return erased
