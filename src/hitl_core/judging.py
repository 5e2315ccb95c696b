"""Judging a response to an open request: who answers, what they say, and what the policy says to an edited call."""

from __future__ import annotations

from .checks import authorise, check
from .commands import GetRun, Note, Settled, WriteNote
from .errors import Fault, NotAuthorised, ResponseRefused
from .gate import Surroundings
from .protocol import AuditEvent, Edit, Json, Response


async def judge(around: Surroundings, settled: Settled, response: Response) -> None:
    """Refuse a response with all its faults, and record that it was refused.

    Raises NotAuthorised or ResponseRefused; the request stays open and nothing else has changed.
    """
    strangers = authorise(settled.request, response)
    faults = strangers + check(settled.request, response)
    if isinstance(response.decision, Edit) and not faults:
        run = await around.store.fetch(GetRun(settled.request.run_id))
        faults = policy_faults(around, settled, response, backend=run.backend)
    if not faults:
        return
    body: dict[str, Json] = {"faults": [str(fault) for fault in faults], "digest": response.digest}
    note = Note(AuditEvent.REQUEST_REFUSED, response.request_id, response.responder.id, body)
    await around.store.apply(WriteNote(note, around.now()))
    raise NotAuthorised(faults) if strangers else ResponseRefused(faults)


def policy_faults(around: Surroundings, settled: Settled, response: Response, *, backend: str) -> list[Fault]:
    """An edited action goes through the policy again: an edit must not reach what the policy holds back more."""
    request = settled.request
    if not isinstance(response.decision, Edit):
        return []
    edited = request.action.edited(response.decision.arguments)
    ruling = around.rule(edited, backend=backend, started_by=request.requested_for)
    if ruling.denied:
        return [Fault("arguments", f"the policy forbids the edited call ({ruling.rule}: {ruling.why})")]
    if ruling.stricter_than(request.level):
        problem = f"the edited call needs level {ruling.level} ({ruling.rule}); this request is {request.level}"
        return [Fault("arguments", problem)]
    stricter = request.model_copy(update={"approvers": ruling.approvers})
    return authorise(stricter, response) if ruling.asks else []
