"""The places of a run: what lies in them, and which stop covers them."""

from __future__ import annotations

from ..commands import ListEffects, ListRequests, ListStops, Stop
from ..contracts import Store, every
from ..lifecycle import RequestState
from ..protocol import Run


async def knows(store: Store, run: Run, place: str) -> bool:
    """Whether an action was asked about or begun at a call that lies in `place`."""
    effects = await store.fetch(ListEffects(run.id))
    if any(place in effect.call for effect in effects):
        return True
    asked = [each async for each in every(store, ListRequests(states=tuple(RequestState), run_id=run.id))]
    return any(place in each.request.call for each in asked)


async def covering(store: Store, run: Run, tool: str | None, agents: tuple[str, ...]) -> Stop | None:
    """The stop that covers a run now, or what a tool or one of these agents does in it."""
    stops = await store.fetch(ListStops(run.id, run.tenant, tool, agents))
    covers = (each for each in stops if each.covers(run=run.id, tenant=run.tenant, tool=tool, agents=agents))
    return next(covers, None)
