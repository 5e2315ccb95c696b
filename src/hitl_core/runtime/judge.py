"""Judging a response to an open request: who answers, what they say, and what the policy says to an edited call."""

from __future__ import annotations

from typing import Final

from ..checks import authorise, check
from ..commands import GetRun, Note, Settled, WriteNote
from ..errors import Fault, NotAuthorised, ResponseRefused
from ..gate import Surroundings
from ..lifecycle import RequestEvent, RequestState
from ..protocol import AuditEvent, Cancel, Edit, Json, PauseRequest, Reject, Response

MAY_BE_DECIDED: Final = (RequestState.OPEN, RequestState.FROZEN)
"""Judged before the store is asked to record: a frozen request may be open by then, if its stop is lifted meanwhile."""


async def judge(around: Surroundings, settled: Settled, response: Response) -> None:
    """Refuse a response with all its faults, and record that it was refused.

    Raises NotAuthorised or ResponseRefused; the request stays open and nothing else has changed.
    """
    strangers = authorise(settled.request, response)
    faults = strangers + check(settled.request, response)
    if not faults and isinstance(response.decision, Edit):
        faults = await policy_faults(around, settled.request, response, response.decision)
    if not faults:
        return
    body: dict[str, Json] = {"faults": [str(fault) for fault in faults], "digest": response.digest}
    note = Note(AuditEvent.REQUEST_REFUSED, response.request_id, response.responder.id, body)
    await around.store.apply(WriteNote(note, around.now()))
    raise NotAuthorised(faults) if strangers else ResponseRefused(faults)


async def policy_faults(around: Surroundings, request: PauseRequest, response: Response, decision: Edit) -> list[Fault]:
    """An edited action goes through the policy again: an edit must not reach what the policy holds back more.

    The gate looks once more when the call begins: it knows the tool and the facts, which may be unknown here.
    """
    run = await around.store.fetch(GetRun(request.run_id))
    edited = request.action.edited(decision.arguments)
    ruling = around.rule(edited, backend=run.backend, started_by=request.requested_for)
    if ruling.denied:
        return [Fault("arguments", f"the policy forbids the edited call ({ruling.rule}: {ruling.why})")]
    if ruling.stricter_than(request.level):
        problem = f"the edited call needs level {ruling.level} ({ruling.rule}); this request is {request.level}"
        return [Fault("arguments", problem)]
    stricter = request.model_copy(update={"approvers": ruling.approvers})
    return authorise(stricter, response) if ruling.asks else []


def event_of(settled: Settled, response: Response) -> RequestEvent:
    """What a response does to its request."""
    if settled.request.veto and isinstance(response.decision, Reject):
        return RequestEvent.VETO
    return RequestEvent.REFUSE if isinstance(response.decision, Reject | Cancel) else RequestEvent.DECIDE
