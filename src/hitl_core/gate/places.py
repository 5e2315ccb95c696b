"""The places of a run: what lies in them."""

from __future__ import annotations

from ..commands import ListEffects, ListRequests
from ..contracts import Store
from ..lifecycle import RequestState
from ..protocol import Run


async def knows(store: Store, run: Run, place: str) -> bool:
    """Whether an action was asked about or begun at a call that lies in `place`."""
    effects = await store.fetch(ListEffects(run.id))
    if any(place in effect.call for effect in effects):
        return True
    asked = await store.fetch(ListRequests(states=tuple(RequestState), run_id=run.id, limit=1000))
    return any(place in each.request.call for each in asked.items)
