"""Shared drafts: their versions, and a person's next one."""

from __future__ import annotations

from ..checks import draft_faults
from ..commands import AddVersion, GetRequest, ListVersions, Note, WriteNote
from ..errors import NotAuthorised, ResponseRefused
from ..gate import Surroundings
from ..protocol import Arguments, AuditEvent, DraftVersion, Edit, Json, Responder, Response
from ..quorum import asked_at, standing
from .identity import identified


async def versions(around: Surroundings, request_id: str) -> tuple[DraftVersion, ...]:
    """The versions of a draft, oldest first; none for a request that has no draft. Raises RequestNotFound."""
    request = (await around.store.fetch(GetRequest(request_id))).request
    return () if request.draft is None else await around.store.fetch(ListVersions(request.draft))


async def change(
    around: Surroundings, request_id: str, arguments: Arguments, *, base: int, by: str | Responder, note: str
) -> DraftVersion:
    """Add a version. Raises NotAuthorised or ResponseRefused with every fault; what is refused is recorded."""
    settled = await around.store.fetch(GetRequest(request_id))
    given = Response.to(settled.request, Edit(arguments=arguments), by=by)
    who = (await identified(around, settled, given)).responder
    asked = standing(asked_at(settled.request, settled.votes, around.now()), settled.votes)
    faults = draft_faults(settled.request, who, arguments, asked.now or asked.stages[-1], settled.votes)
    if not faults:
        return await around.store.apply(AddVersion(request_id, base, arguments, who, note, around.now()))
    body: dict[str, Json] = {"faults": [str(fault) for fault in faults], "base": base}
    await around.store.apply(WriteNote(Note(AuditEvent.REQUEST_REFUSED, request_id, who.id, body), around.now()))
    strangers = any(fault.path == "responder" for fault in faults)
    raise NotAuthorised(faults) if strangers else ResponseRefused(faults)
