"""What is left of a storm: read from the store, the trail, the ledger and the history, when nobody writes any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ...audit import verify
from ...clock import SystemClock
from ...commands import GetRun, ListEffects, ListRequests, ListRuns, ReadAudit, Settled
from ...config import open_store
from ...contracts import every
from ...lifecycle import RequestState
from ..databases import ask
from .check import Evidence
from .ground import Ground

T = TypeVar("T")
MANY = 10**6


async def reading(ground: Ground, look: Callable[[Any], Awaitable[T]]) -> T:
    """Look at the store once."""
    store = await open_store(ground.config(next(iter(ground.models))), SystemClock())
    try:
        return await look(store)
    finally:
        await store.close()


async def kept(ground: Ground) -> Evidence:
    """All of it. Nobody may be writing."""
    return await reading(ground, lambda store: _kept(ground, store))


async def _kept(ground: Ground, store: Any) -> Evidence:
    runs = tuple([await store.fetch(GetRun(run.id)) async for run in every(store, ListRuns())])
    stage = ground.stage()
    books = any(line["did"] == "started" and line["play"] == "modes" for line in ground.history.lines())
    return Evidence(
        runs=runs,
        requests={run.id: await _asked(store, run.id) for run in runs},
        effects={run.id: await store.fetch(ListEffects(run.id)) for run in runs},
        audit=(await store.fetch(ReadAudit(limit=MANY))).items,
        findings=tuple(map(str, (await verify(store, store.custody)).findings)),
        ledger=tuple(stage.happened()),
        bookings=stage.booked() if books else int(ask(ground.store_url, ground.home, "SELECT 0")),
        history=ground.history.lines(),
    )


async def _asked(store: Any, run_id: str) -> tuple[Settled, ...]:
    asked = every(store, ListRequests(tuple(RequestState), run_id=run_id))
    return tuple([each async for each in asked])
