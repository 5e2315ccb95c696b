"""Judging a response to an open request: who answers, what they say, and what the policy says to an edited call."""

from __future__ import annotations

from typing import Final

from ..checks import authorise, check
from ..commands import GetRun, Note, Settled, WriteNote
from ..errors import Fault, NotAuthorised, ResponseRefused
from ..gate import Case, Surroundings
from ..lifecycle import RequestEvent, RequestState
from ..protocol import Arguments, AuditEvent, Cancel, Json, PauseRequest, Reject, Response, Ruling, changed_arguments
from ..quorum import asked_after, asked_now

MAY_BE_DECIDED: Final = (RequestState.OPEN, RequestState.FROZEN)
"""Judged before the store is asked to record: a frozen request may be open by then, if its stop is lifted meanwhile."""


async def judge(around: Surroundings, settled: Settled, response: Response) -> None:
    """Refuse a response with all its faults, and record that it was refused.

    Raises NotAuthorised or ResponseRefused; the request stays open and nothing else has changed.
    """
    asked = asked_now(settled.request, settled.votes, response, around.now())
    strangers = authorise(settled.request, response, asked)
    faults = strangers + check(settled.request, response)
    changed = changed_arguments(response.decision)
    if not faults and changed is not None:
        faults = await policy_faults(around, settled.request, response, changed)
    if not faults:
        return
    body: dict[str, Json] = {"faults": [str(fault) for fault in faults], "digest": response.digest}
    note = Note(AuditEvent.REQUEST_REFUSED, response.request_id, response.responder.id, body)
    await around.store.apply(WriteNote(note, around.now()))
    raise NotAuthorised(faults) if strangers else ResponseRefused(faults)


async def policy_faults(
    around: Surroundings, request: PauseRequest, response: Response, arguments: Arguments
) -> list[Fault]:
    """An edited action goes through the policy again: an edit must not reach what the policy holds back more.

    The gate looks once more when the call begins: it knows the tool and the facts, which may be unknown here.
    """
    run = await around.store.fetch(GetRun(request.run_id))
    edited = request.action.edited(arguments)
    ruling = (await around.weigh(Case(edited, run, request.call))).ruling
    if ruling.denied:
        return [Fault("arguments", f"the policy forbids the edited call ({ruling.rule}: {ruling.why})")]
    if ruling.stricter_than(request.level):
        problem = f"the edited call needs level {ruling.level} ({ruling.rule}); this request is {request.level}"
        return [Fault("arguments", problem)]
    seconds = (around.now() - request.created_at).total_seconds()
    return _people_faults(request, response, ruling, seconds) if ruling.asks else []


def _people_faults(request: PauseRequest, response: Response, ruling: Ruling, seconds: float) -> list[Fault]:
    """An edit must not reach what asks other people, or more of them, than this request does."""
    shown, edited = request.approvers, ruling.approvers
    if edited.needed > shown.needed or (edited.stages and edited.stages != shown.stages):
        problem = f"the edited call needs {edited.needed} people ({ruling.rule}); this request asks {shown.needed}"
        return [Fault("arguments", problem if edited.needed > shown.needed else f"{problem}, and others")]
    if edited.stages:
        return []
    stricter = request.model_copy(update={"approvers": edited})
    return authorise(stricter, response, asked_after(edited, ruling.escalation, seconds))


def event_of(settled: Settled, response: Response) -> RequestEvent:
    """What a response does to its request."""
    if settled.request.veto and isinstance(response.decision, Reject):
        return RequestEvent.VETO
    return RequestEvent.REFUSE if isinstance(response.decision, Reject | Cancel) else RequestEvent.DECIDE
