"""Comments on a request: who may, with which words, and that a refusal is recorded."""

from __future__ import annotations

from ..checks import comment_faults
from ..commands import AddComment, GetRequest, GetRun
from ..errors import Fault, NotAuthorised, ResponseRefused
from ..gate import Surroundings
from ..protocol import Approve, Comment, PauseRequest, Responder, Response, new_id
from .identity import recognised
from .judge import note_refusal


async def comment(around: Surroundings, request_id: str, text: str, *, by: str | Responder, machine: bool) -> Comment:
    """Keep a comment. Raises RequestNotFound, RequestClosed, NotPermitted, NotAuthorised, ResponseRefused."""
    request = (await around.store.fetch(GetRequest(request_id))).request
    who = Responder(id=by) if isinstance(by, str) else by
    if not machine:
        run = await around.store.fetch(GetRun(request.run_id))
        who = await recognised(around, who, on=request_id, tenant=run.tenant, act="comment")
    strangers = [] if machine else _strangers(request, who)
    if faults := strangers or comment_faults(text):
        await note_refusal(around, Response.to(request, Approve(), by=who), faults)
        raise NotAuthorised(faults) if strangers else ResponseRefused(faults)
    now = around.now()
    made = Comment(id=new_id(now), request_id=request_id, text=text, by=who, machine=machine, made_at=now)
    return await around.store.apply(AddComment(made, now))


def _strangers(request: PauseRequest, who: Responder) -> list[Fault]:
    """Why this does not stand there as a person's words."""
    if who.id not in request.action.origin.agents:
        return []
    return [Fault("by", f"{who.id!r} is an agent of this run; what it says is a machine's comment")]
