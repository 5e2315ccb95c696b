"""Requests that a stop holds, and which stop that is: what an inbox that looks empty must not hide."""

from __future__ import annotations

from dataclasses import dataclass

from ..commands import ListRequests, Settled, Stop
from ..contracts import every
from ..errors import NotPermitted
from ..lifecycle import RequestState
from ..runtime import Runtime


@dataclass(frozen=True, slots=True)
class Frozen:
    """A request that cannot be answered now. Without `stops` it was frozen by hand."""

    settled: Settled
    stops: tuple[Stop, ...]

    def __str__(self) -> str:
        request = self.settled.request
        why = "; ".join(map(_in_words, self.stops)) or "it was frozen by hand"
        return f"frozen: {request.title} ({request.action.tool})  {request.id}  {why}"


async def frozen_requests(hitl: Runtime, *, run_id: str | None = None) -> tuple[Frozen, ...]:
    """What is frozen now, in one run or in all of them; nothing, for whoever may not see what others decide."""
    try:
        held = [each async for each in every(hitl.store, ListRequests((RequestState.FROZEN,), run_id=run_id))]
    except NotPermitted:
        return ()
    if not held:
        return ()
    stops = await hitl.stops()
    return tuple([Frozen(each, await _covering(hitl, stops, each)) for each in held])


async def _covering(hitl: Runtime, stops: tuple[Stop, ...], settled: Settled) -> tuple[Stop, ...]:
    action, run = settled.request.action, await hitl.run(settled.request.run_id)
    agents = action.origin.agents
    return tuple(s for s in stops if s.covers(run=run.id, tenant=run.tenant, tool=action.tool, agents=agents))


def _in_words(stop: Stop) -> str:
    what = f"{stop.scope} {stop.target}" if stop.target else "everything"
    return f"{stop.by} stopped {what} ({stop.reason})"
