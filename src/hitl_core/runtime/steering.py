"""Steering a run: who may, with which words, and that a refusal is recorded."""

from __future__ import annotations

from contextlib import suppress

from ..capabilities import Capability
from ..checks import guidance_faults
from ..commands import GiveGuidance, ListRequests, Note, WriteNote
from ..contracts import Adapter, every, require
from ..errors import AdapterNotInstalled, Fault, GuidanceRefused, MayNotSteer
from ..gate import Surroundings
from ..protocol import AuditEvent, Guidance, Json, Responder, Run, new_id


async def steer(adapter: Adapter, around: Surroundings, run: Run, text: str, by: str | Responder) -> Guidance:
    """Queue guidance for a run. Raises MayNotSteer or GuidanceRefused with every fault, RunFinished, and
    CapabilityNotSupported if the adapter of the run has no way in."""
    require_a_way_in(adapter, run)
    by = Responder(id=by) if isinstance(by, str) else by
    strangers, faults = await _strangers(around, run, by), guidance_faults(text)
    if run.undoes is not None:
        faults = [*faults, Fault("run", "is an undo: no agent works in it that could be told something")]
    if strangers or faults:
        body: dict[str, Json] = {"faults": [str(fault) for fault in (*strangers, *faults)]}
        refused = Note(AuditEvent.GUIDANCE_REFUSED, run.id, by.id, body)
        await around.store.apply(WriteNote(refused, around.now()))
        raise MayNotSteer((*strangers, *faults)) if strangers else GuidanceRefused(faults)
    now = around.now()
    given = Guidance(id=new_id(now), run_id=run.id, text=text, by=by, given_at=now)
    return await around.store.apply(GiveGuidance(given, now))


def require_a_way_in(adapter: Adapter, run: Run) -> None:
    """Raises CapabilityNotSupported. Where the framework of the run is not at home, only its worker knows."""
    if run.backend != adapter.name:
        return
    with suppress(AdapterNotInstalled):
        require(adapter, Capability.STEER)


async def _strangers(around: Surroundings, run: Run, by: Responder) -> list[Fault]:
    """Why this responder may not steer the run: an agent's own words must not come back to it as a person's."""
    asked = every(around.store, ListRequests((), run_id=run.id, notices=True))
    agents = {agent async for each in asked for agent in each.request.action.origin.agents}
    if by.id not in agents:
        return []
    return [Fault("by", f"{by.id!r} is an agent of this run; an agent never steers itself, a person does")]
