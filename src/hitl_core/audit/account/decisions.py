"""What people were asked, who was asked from when on, and what each of them said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...commands import Settled
from ...protocol import (
    Approve,
    Asked,
    AuditEntry,
    AuditEvent,
    Comment,
    Delegate,
    DraftVersion,
    Edit,
    Escalation,
    Kind,
    PauseRequest,
    Response,
)
from ...quorum import agreements, given_on, in_turn
from .chapters import Chapter, body_of, chapter, in_json, names, texts, when, who
from .record import RunRecord


def decisions(record: RunRecord) -> tuple[Chapter, ...]:
    """A chapter for each question to people. What they were only told of stands with the action."""
    return tuple(_decision(record, each) for each in record.asked if each.request.kind is not Kind.NOTICE)


def _decision(record: RunRecord, settled: Settled) -> Chapter:
    request, answer = settled.request, settled.response
    own = [each for each in record.entries if each.subject == request.id]
    facts = {
        **_asked(request),
        "Versions of the draft": "; ".join(_version(each) for each in record.versions if each.request_id == request.id),
        **{name: "; ".join(_told(own, event)) for event, name in _EVENTS.items()},
        "Said beside deciding (no votes)": "; ".join(
            _comment(each) for each in record.comments if each.request_id == request.id
        ),
        "Given on to somebody else": "; ".join(map(_given_on, given_on(settled.votes))),
        "Votes before the decision": "; ".join(map(_vote, agreements(settled.votes))),
        "Votes that no longer counted": "; ".join(_dropped(own, settled)),
        "Answers that were refused": "; ".join(_refused(own)),
        **({"Decided": _undecided(settled)} if answer is None else _answered(answer)),
        "Closed by hand": "; ".join(_closed(own)),
    }
    return chapter(f"{request.title} ({request.kind})", facts)


# ── what was asked ───────────────────────────────────────────────────────────────────────────────────────────


def _asked(request: PauseRequest) -> dict[str, str]:
    preview, because = request.preview, request.because
    return {
        "Asked at": when(request.created_at),
        "Request": request.id,
        "Place in the run": f"{request.call}, round {request.round}",
        "Which agent": " > ".join(request.action.origin.agents) or "not named",
        "Shown: the action": request.action.tool,
        "Shown: its arguments": in_json(request.action.arguments),
        "Shown: its effect": "; ".join(filter(None, (preview.effect, preview.target, preview.cost, preview.diff))),
        "Shown: who is affected": preview.affects,
        "Shown: what data leaves": preview.leaves,
        "Shown: warnings": "; ".join(preview.warnings),
        "Shown: can it be undone": {True: "yes", False: "no", None: "not known"}[preview.reversible],
        "Said by the agent (nobody checked it)": request.context.message,
        "Goes on from": "" if request.follows is None else f"request {request.follows}",
        "Asked of the agent before": "; ".join(map(_question, request.asked)),
        "Why it was asked": f"{because.why} (rule {because.rule}, version {because.version})",
        "How much people were involved": request.level.value,
        "Who could decide": in_turn(request.approvers.in_order),
        "Who was asked later": "; ".join(map(_later, request.escalation)),
        "Deadline": "none" if request.deadline is None else f"{when(request.deadline)}, then {request.on_timeout}",
        "Digest of what was shown": request.digest,
    }


def _question(asked: Asked) -> str:
    answer = asked.answer or "(nothing that its framework handed on)"
    return f"{asked.by} asked: {asked.question}; the agent said, and nobody checked it: {answer}"


def _later(step: Escalation) -> str:
    others = "those whose turn it is next" if step.reassign else names(step.users, step.roles)
    return f"after {step.after_seconds:g} s {others} {'instead' if step.instead or step.reassign else 'too'}"


def _version(version: DraftVersion) -> str:
    by = "the agent" if version.by is None else who(version.by)
    note = f" ({version.note})" if version.note else ""
    return f"version {version.number} by {by} at {when(version.made_at)}{note}: {in_json(version.arguments)}"


# ── who was asked when ───────────────────────────────────────────────────────────────────────────────────────

_EVENTS: Final = {
    AuditEvent.REQUEST_REMINDED: "Asked again",
    AuditEvent.REQUEST_ESCALATED: "Asked others",
    AuditEvent.REQUEST_DEFERRED: "Put off",
    AuditEvent.REQUEST_WOKEN: "Shown again",
}


def _told(own: Iterable[AuditEntry], event: AuditEvent) -> list[str]:
    return [_in_words(each, event) for each in own if each.event == event]


def _in_words(entry: AuditEntry, event: AuditEvent) -> str:
    said = body_of(entry)
    if event is AuditEvent.REQUEST_ESCALATED:
        return f"at {when(entry.at)} {names(texts(said.get('users')), texts(said.get('roles')))} were asked"
    if event is AuditEvent.REQUEST_DEFERRED:
        return f"by {entry.actor} at {when(entry.at)} until {said.get('until')}"
    return f"at {when(entry.at)}"


# ── what people said ─────────────────────────────────────────────────────────────────────────────────────────


def _answered(answer: Response) -> dict[str, str]:
    said = answer.decision.model_dump(mode="json", exclude={"type"}, exclude_none=True)
    return {
        "Decided": str(answer.decision.type),
        "Decided by": who(answer.responder),
        "Decided at": when(answer.decided_at),
        "In these words": "" if isinstance(answer.decision, Approve) else in_json(said),
        "Reason given": answer.reason,
        "Changed by the person": "yes: it was to run with the arguments above" * isinstance(answer.decision, Edit),
        "Together with others": "" if answer.batch is None else f"yes, in one gesture named {answer.batch}",
    }


def _comment(comment: Comment) -> str:
    by = f"{comment.by.id}, a machine (nobody checked it)," if comment.machine else who(comment.by)
    return f"{by} said at {when(comment.made_at)}: {comment.text}"


def _vote(vote: Response) -> str:
    return f"{who(vote.responder)} said {vote.decision.type} at {when(vote.decided_at)}{_why(vote)}"


def _given_on(said: Response) -> str:
    assert isinstance(said.decision, Delegate)
    return f"{who(said.responder)} gave it on to {said.decision.to} at {when(said.decided_at)}{_why(said)}"


def _why(said: Response) -> str:
    return f": {said.reason}" if said.reason else ""


def _dropped(own: Iterable[AuditEntry], settled: Settled) -> list[str]:
    """Votes that were taken and are not kept: an edit drops those before it."""
    kept = {vote.responder.id for vote in settled.votes}
    votes = [each for each in own if each.event == AuditEvent.REQUEST_DECIDED and body_of(each).get("vote")]
    return [f"{each.actor} at {when(each.at)}" for each in votes if each.actor not in kept]


def _refused(own: Iterable[AuditEntry]) -> list[str]:
    refused = [each for each in own if each.event == AuditEvent.REQUEST_REFUSED]
    return [f"of {each.actor or 'nobody named'} at {when(each.at)}: {_reason(each)}" for each in refused]


def _reason(entry: AuditEntry) -> str:
    said = body_of(entry)
    return "; ".join(texts(said.get("faults"))) or str(said.get("code", "no reason was kept"))


def _closed(own: Iterable[AuditEntry]) -> list[str]:
    closed = [(each, body_of(each)) for each in own if each.event == AuditEvent.REQUEST_CLOSED]
    return [f"{said.get('state')} by {each.actor} at {when(each.at)}: {said.get('why')}" for each, said in closed]


def _undecided(settled: Settled) -> str:
    return f"by nobody; the request is {settled.state}"
