"""Judging a response to an open request: who answers, what they say, and what the policy says to an edited call."""

from __future__ import annotations

from typing import Final

from ..checks import authorise, check, giving_on_faults
from ..commands import GetRun, Note, Settled, WriteNote
from ..errors import Fault, NotAuthorised, ResponseRefused
from ..gate import Case, Surroundings, is_reversible
from ..lifecycle import RequestEvent, RequestState
from ..protocol import Arguments, AuditEvent, Cancel, Json, Reject, Response, Ruling, changed_arguments, passed
from ..quorum import asked_after, asked_at, asked_now, given_on, newly_apart

MAY_BE_DECIDED: Final = (RequestState.OPEN, RequestState.FROZEN)
"""Judged before the store is asked to record: a frozen request may be open by then, if its stop is lifted meanwhile."""


async def judge(around: Surroundings, settled: Settled, response: Response) -> None:
    """Refuse a response with all its faults, and record that it was refused.

    Raises NotAuthorised or ResponseRefused; the request stays open and nothing else has changed.
    """
    faults, strangers = await weighed(around, settled, response)
    if not faults:
        return
    await note_refusal(around, response, faults)
    raise NotAuthorised(faults) if strangers else ResponseRefused(faults)


async def weighed(around: Surroundings, settled: Settled, response: Response) -> tuple[list[Fault], bool]:
    """All that is wrong with a response, and whether it is of somebody who may not decide. Nothing is written."""
    request, said, now = settled.request, settled.votes, around.now()
    if any(each.responder == response.responder and each.decision == response.decision for each in given_on(said)):
        return [], False  # said before: the store hands out what it recorded
    strangers = authorise(request, response, asked_now(request, said, response, now), said)
    faults = strangers + check(request, response)
    faults += giving_on_faults(request, response, asked_at(request, said, now), said)
    changed = changed_arguments(response.decision)
    if not faults and changed is not None:
        faults = await policy_faults(around, settled, response, changed)
    return faults, bool(strangers)


async def note_refusal(around: Surroundings, response: Response, faults: list[Fault]) -> None:
    """Record that an answer was refused, and why."""
    who = response.responder
    body: dict[str, Json] = {"faults": [str(fault) for fault in faults], "digest": response.digest}
    body |= {"channel": who.channel, "authenticated_by": who.authenticated_by}
    note = Note(AuditEvent.REQUEST_REFUSED, response.request_id, who.id, body)
    await around.store.apply(WriteNote(note, around.now()))


async def policy_faults(
    around: Surroundings, settled: Settled, response: Response, arguments: Arguments
) -> list[Fault]:
    """An edited action goes through the policy again: an edit must not reach what the policy holds back more.

    The gate looks once more when the call begins: it knows the tool and the facts, which may be unknown here.
    """
    request = settled.request
    run = await around.store.fetch(GetRun(request.run_id))
    edited = request.action.edited(arguments)
    ruling = (await around.weigh(Case(edited, run, request.call))).ruling
    if ruling.denied:
        return [Fault("arguments", f"the policy forbids the edited call ({ruling.rule}: {ruling.why})")]
    if ruling.stricter_than(request.level):
        problem = f"the edited call needs level {ruling.level} ({ruling.rule}); this request is {request.level}"
        return [Fault("arguments", problem)]
    together = ruling.batch and is_reversible(around.catalogue.traits(edited.tool), edited)
    if response.batch is not None and not together:
        return [Fault("batch", f"is not for the edited call ({ruling.rule}): answer it by itself")]
    seconds = passed(ruling.hours, request.created_at, around.now())
    return _people_faults(settled, response, ruling, seconds) if ruling.asks else []


def _people_faults(settled: Settled, response: Response, ruling: Ruling, seconds: float) -> list[Fault]:
    """An edit must not reach what asks other people, or more of them, than this request does."""
    request = settled.request
    shown, edited = request.approvers, ruling.approvers
    if edited.needed > shown.needed or (edited.stages and edited.stages != shown.stages):
        problem = f"the edited call needs {edited.needed} people ({ruling.rule}); this request asks {shown.needed}"
        return [Fault("arguments", problem if edited.needed > shown.needed else f"{problem}, and others")]
    if apart := newly_apart(edited, shown):
        problem = f"the edited call needs somebody kept apart from who let {apart} run ({ruling.rule})"
        return [Fault("arguments", f"{problem}, and this request keeps nobody apart from that")]
    if edited.stages:
        return []
    stricter = request.model_copy(update={"approvers": edited})
    return authorise(stricter, response, asked_after(edited, ruling.escalation, seconds, settled.votes))


def event_of(settled: Settled, response: Response) -> RequestEvent:
    """What a response does to its request."""
    if settled.request.veto and isinstance(response.decision, Reject):
        return RequestEvent.VETO
    return RequestEvent.REFUSE if isinstance(response.decision, Reject | Cancel) else RequestEvent.DECIDE
