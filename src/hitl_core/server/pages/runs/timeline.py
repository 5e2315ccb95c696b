"""The trail of a run as steps that people read: what happened, who did it, why, and what it changed. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ....commands import Settled
from ....protocol import AuditEntry, AuditEvent, Json, PauseRequest, Response, changed_arguments
from ...feed.happened import body_of
from ..changes import Changed, changes
from ..wording import afterwards, who_may_decide
from .history import History

Fact = tuple[str, str | datetime]
"""A name, and a text or a point in time."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trail. `lane` is whose it is: `agent`, `people` or `tool`; `tone` is how it stands.

    `by` is who did it, `how` is how it is known that it was them. `said` is somebody's free text.
    """

    seq: int
    at: datetime
    event: str
    title: str
    lane: str
    tone: str = ""
    by: str = ""
    how: str = ""
    said: str = ""
    call: str = ""
    request: str = ""
    facts: tuple[Fact, ...] = ()
    changed: tuple[Changed, ...] = ()
    value: Json = None


def timeline(history: History) -> tuple[Step, ...]:
    """The steps of a page of the trail, in its order."""
    return tuple(_step(history, entry) for entry in history.lines)


def _step(history: History, entry: AuditEntry) -> Step:
    said = body_of(entry)
    title, lane, tone = _TITLES.get(entry.event, (entry.event.replace(".", " ").replace("_", " "), "agent", ""))
    step = Step(entry.seq, entry.at, entry.event, title, lane, tone, *_who(entry, said), call=_text(said, "call"))
    tell = _TOLD.get(entry.event.partition(".")[0], _as_recorded)
    return tell(history, entry, said, step)


_TITLES: Final[Mapping[str, tuple[str, str, str]]] = {
    AuditEvent.RUN_STARTED: ("The run began", "agent", ""),
    AuditEvent.RUN_CLAIMED: ("A worker took it up", "agent", ""),
    AuditEvent.RUN_PAUSED: ("It waits for people", "agent", "wait"),
    AuditEvent.RUN_RELEASED: ("A worker gave it back", "agent", ""),
    AuditEvent.RUN_RETRIED: ("It is tried again", "agent", "wait"),
    AuditEvent.RUN_HELD_BACK: ("It is held back: its agent asked too much", "agent", "warn"),
    AuditEvent.RUN_COMPLETED: ("The run is complete", "agent", "good"),
    AuditEvent.RUN_FAILED: ("The run failed", "agent", "bad"),
    AuditEvent.RUN_CANCELLED: ("The run was cancelled", "people", "bad"),
    AuditEvent.RUN_STOPPED: ("A stop ended the turn", "people", "bad"),
    AuditEvent.RUN_ERASED: ("Names, texts and payloads were erased", "people", "warn"),
    AuditEvent.RUN_COMPACTED: ("Old state was deleted because of its age", "agent", ""),
    AuditEvent.REQUEST_OPENED: ("People are asked", "people", "wait"),
    AuditEvent.REQUEST_DECIDED: ("It was decided", "people", ""),
    AuditEvent.REQUEST_REFUSED: ("An answer was refused", "people", "bad"),
    AuditEvent.REQUEST_REMINDED: ("People are asked again", "people", "wait"),
    AuditEvent.REQUEST_DELEGATED: ("It was given on to somebody else", "people", ""),
    AuditEvent.REQUEST_COMMENTED: ("Somebody said something about it", "people", ""),
    AuditEvent.REQUEST_DEFERRED: ("It was put off", "people", ""),
    AuditEvent.REQUEST_WOKEN: ("It is shown again", "people", "wait"),
    AuditEvent.REQUEST_ESCALATED: ("Others are asked", "people", "warn"),
    AuditEvent.REQUEST_EXPIRED: ("The deadline passed", "people", "bad"),
    AuditEvent.REQUEST_CLOSED: ("The question was closed", "people", ""),
    AuditEvent.ACTION_REFUSED: ("Refused without asking", "agent", "bad"),
    AuditEvent.ACTION_NOTICED: ("People are told that it runs", "people", ""),
    AuditEvent.ACTION_REPORTED: ("A person did it, and says what came of it", "people", "good"),
    AuditEvent.DRAFT_CHANGED: ("The draft was changed", "people", ""),
    AuditEvent.EFFECT_STARTED: ("It begins", "tool", "wait"),
    AuditEvent.EFFECT_EXECUTED: ("It ran", "tool", "good"),
    AuditEvent.EFFECT_FAILED: ("It failed", "tool", "bad"),
    AuditEvent.EFFECT_IN_DOUBT: ("Whether it happened is not known", "tool", "warn"),
    AuditEvent.EFFECT_SETTLED: ("A person said whether it happened", "people", ""),
    AuditEvent.GRANT_USED: ("It runs under a standing grant", "people", ""),
    AuditEvent.GRANT_GIVEN: ("A standing grant was given", "people", ""),
    AuditEvent.GUIDANCE_QUEUED: ("Somebody said something to the agent", "people", ""),
    AuditEvent.GUIDANCE_CONSUMED: ("The agent was told", "agent", ""),
    AuditEvent.GUIDANCE_DROPPED: ("The run ended before the agent was told", "agent", "warn"),
    AuditEvent.GUIDANCE_REFUSED: ("What was to be said to the agent was refused", "people", "bad"),
    AuditEvent.OUTPUT_OVERRIDDEN: ("A person replaced what came out", "people", "warn"),
    AuditEvent.ACT_REFUSED: ("Somebody may not do this", "people", "bad"),
    AuditEvent.STOP_SET: ("The question was frozen", "people", "bad"),
    AuditEvent.STOP_LIFTED: ("The question is open again", "people", ""),
}

_DECIDED: Final[Mapping[str, tuple[str, str]]] = {
    "approve": ("Approved", "good"),
    "edit": ("Approved with changes", "good"),
    "reject": ("Rejected", "bad"),
    "answer": ("Answered", "good"),
    "report": ("A person did it, and says what came of it", "good"),
    "choose": ("One was chosen", "good"),
    "accept": ("Accepted", "good"),
    "revise": ("Sent back to be done anew", "warn"),
    "ask": ("Something was asked back", "warn"),
    "delegate": ("Given on to somebody else", ""),
    "take_over": ("A person took over", "warn"),
    "hand_back": ("Handed back to the agent", "good"),
    "cancel": ("The run was cancelled", "bad"),
}


def _who(entry: AuditEntry, said: Mapping[str, Json]) -> tuple[str, str]:
    """Who did it, and how that is known; nobody where it was a worker of ours."""
    authenticated = said.get("authenticated_by")
    if not isinstance(authenticated, str):
        return "", ""
    known = "who merely stated this name" if authenticated == "assertion" else f"known by {authenticated}"
    channel = _text(said, "channel")
    return entry.actor or "nobody named", known + (f", through {channel}" if channel else "")


# ── by family ────────────────────────────────────────────────────────────────────────────────────────────────


def _of_run(history: History, entry: AuditEntry, said: Mapping[str, Json], step: Step) -> Step:
    run, facts = history.run, list(_recorded(said, "code", "tries", "interrupted"))
    if entry.event == AuditEvent.RUN_STARTED:
        facts = [("on behalf of", run.started_by or "nobody was named"), ("app", f"{run.app} under {run.backend}")]
    if "reopened" in said:
        return _with(step, title="It was taken back to its last pause", by=entry.actor, said=_text(said, "reopened"))
    if entry.event == AuditEvent.RUN_CANCELLED:
        step = _with(step, by=entry.actor)
    failed = entry.event in (AuditEvent.RUN_FAILED, AuditEvent.RUN_STOPPED) and run.error
    newest = failed and not any(each.event == entry.event and each.seq > entry.seq for each in history.lines)
    if newest and history.more is None:
        facts.append(("error", run.error))
    return _with(step, facts=tuple(facts), said=_text(said, "reason"))


def _of_request(history: History, entry: AuditEntry, said: Mapping[str, Json], step: Step) -> Step:
    settled = history.asked.get(entry.subject)
    step = _with(step, request=entry.subject)
    if settled is not None:
        step = _with(step, call=step.call or settled.request.call)
    if entry.event == AuditEvent.REQUEST_OPENED:
        return step if settled is None else _opened(settled.request, step)
    if entry.event == AuditEvent.REQUEST_DECIDED:
        return _decided(settled, entry, said, step)
    faults = said.get("faults")
    because = "; ".join(map(str, faults)) if isinstance(faults, list) else _text(said, "why") or _text(said, "reason")
    if entry.event == AuditEvent.REQUEST_COMMENTED:
        because = history.said.get((entry.subject, entry.at), "")
    facts = tuple(_recorded(said, "state", "until", "to", "users", "roles", "outcome", "code", "version"))
    by = step.by or ("" if entry.event in _BY_TIME else entry.actor)
    return _with(step, said=because, facts=facts, by=by)


_BY_TIME: Final = (
    AuditEvent.REQUEST_OPENED,
    AuditEvent.REQUEST_REMINDED,
    AuditEvent.REQUEST_WOKEN,
    AuditEvent.REQUEST_ESCALATED,
    AuditEvent.REQUEST_EXPIRED,
    AuditEvent.ACTION_NOTICED,
)


def _opened(request: PauseRequest, step: Step) -> Step:
    because = request.because
    facts: list[Fact] = [
        ("why", f"{because.why} (rule {because.rule}, version {because.version[:19]})"),
        ("level", request.level.value.replace("_", " ")),
        ("who may decide", who_may_decide(request.approvers, request.requested_for)),
    ]
    if request.action.origin.agents:
        facts.append(("agent", " > ".join(request.action.origin.agents)))
    if request.deadline is not None:
        facts.append(("deadline", request.deadline))
        facts.append(("if nobody answers", afterwards(request).removeprefix("then ")))
    return _with(
        step, title=f"People are asked: {request.title}", facts=tuple(facts), value=dict(request.action.arguments)
    )


def _decided(settled: Settled | None, entry: AuditEntry, said: Mapping[str, Json], step: Step) -> Step:
    decision = _text(said, "decision")
    title, tone = _DECIDED.get(decision, (decision, ""))
    title = f"{title}, one of several who are needed" if said.get("vote") else title
    step = _with(step, title=title, tone=tone, by=step.by or entry.actor)
    answer = _answer(settled, entry, said)
    if settled is None or answer is None:
        return step
    new = changed_arguments(answer.decision)
    changed = () if new is None else tuple(changes(dict(settled.request.action.arguments), dict(new)))
    words = answer.decision.model_dump(mode="json", exclude={"type", "arguments"}, exclude_none=True)
    facts = tuple((name.replace("_", " "), _shown(value)) for name, value in words.items() if value not in ("", [], {}))
    acting = answer.responder.acting_for
    if acting is not None:
        facts = (*facts, ("in the place of", f"{acting.id}, who is away"))
    return _with(step, said=answer.reason, facts=facts, changed=changed)


def _answer(settled: Settled | None, entry: AuditEntry, said: Mapping[str, Json]) -> Response | None:
    """The answer that a line is about, by its digest or by who gave it."""
    if settled is None:
        return None
    answers = [*settled.votes, *(() if settled.response is None else (settled.response,))]
    mine = [each for each in answers if each.responder.id == entry.actor and each.decision.type == said.get("decision")]
    return mine[-1] if mine else None


def _of_effect(history: History, entry: AuditEntry, said: Mapping[str, Json], step: Step) -> Step:
    effect = history.effect(step.call)
    tool = _text(said, "tool") or ("" if effect is None else effect.action.tool)
    step = _with(step, title=f"{tool}: {step.title[0].lower()}{step.title[1:]}" if tool else step.title)
    step = _with(step, request=_text(said, "request"), facts=tuple(_recorded(said, "attempt", "mode", "event")))
    if effect is None:
        return step
    if entry.event == AuditEvent.EFFECT_STARTED:
        return _with(step, value=dict(effect.action.arguments))
    if entry.event == AuditEvent.EFFECT_EXECUTED:
        return _with(step, value=effect.result)
    failed = entry.event == AuditEvent.EFFECT_FAILED
    by = entry.actor if entry.event == AuditEvent.EFFECT_SETTLED else step.by
    return _with(step, facts=(*step.facts, ("error", effect.error)) if failed else step.facts, by=by)


def _of_action(history: History, entry: AuditEntry, said: Mapping[str, Json], step: Step) -> Step:
    if entry.event != AuditEvent.ACTION_REFUSED:
        return _of_request(history, entry, said, step)
    tool = _text(said, "tool")
    title = f"{tool}: refused without asking" if tool else step.title
    facts = tuple(_recorded(said, "rule", "version", "level", "code", "grant"))
    return _with(step, title=title, said=_text(said, "why"), facts=facts)


def _of_guidance(history: History, entry: AuditEntry, said: Mapping[str, Json], step: Step) -> Step:
    given = next((each for each in history.guidance if each.id == entry.subject), None)
    if given is None:
        return _as_recorded(history, entry, said, step)
    facts = tuple(_recorded(said, "place"))
    return _with(step, said=given.text, facts=facts, by=step.by or given.by.id)


def _of_output(history: History, entry: AuditEntry, said: Mapping[str, Json], step: Step) -> Step:
    mine = [each for each in history.overrides if each.at == entry.at and each.call == said.get("call")]
    title = f"A person replaced the result of {step.call}" if step.call else step.title
    step = _with(step, title=title, by=entry.actor, said=_text(said, "reason"))
    return _with(step, changed=tuple(changes(mine[-1].original, mine[-1].value))) if mine else step


def _as_recorded(history: History, entry: AuditEntry, said: Mapping[str, Json], step: Step) -> Step:
    facts = tuple(_recorded(said, "tool", "grant", "act", "place", "state", "code"))
    faults = said.get("faults")
    because = "; ".join(map(str, faults)) if isinstance(faults, list) else _text(said, "reason")
    return _with(step, facts=facts, said=because, by=step.by or (entry.actor if step.lane == "people" else ""))


_TOLD: Final[Mapping[str, Callable[[History, AuditEntry, Mapping[str, Json], Step], Step]]] = {
    "run": _of_run,
    "request": _of_request,
    "draft": _of_request,
    "action": _of_action,
    "effect": _of_effect,
    "guidance": _of_guidance,
    "output": _of_output,
}


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────


def _with(step: Step, **fields: object) -> Step:
    return replace(step, **fields)  # type: ignore[arg-type]  # the fields of a step


def _recorded(said: Mapping[str, Json], *names: str) -> Iterator[Fact]:
    for name in names:
        value = said.get(name)
        if value not in (None, "", [], False):
            yield name.replace("_", " "), _shown(value)


def _shown(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(said: Mapping[str, Json], name: str) -> str:
    found = said.get(name)
    return found if isinstance(found, str) else ""


def in_words(event: str) -> str:
    """An event of the trail in words."""
    known = _ELSEWHERE.get(event) or _TITLES.get(event)
    return known[0] if known else event.replace(".", " ").replace("_", " ")


def gist(entry: AuditEntry) -> str:
    """What else of a line is read first."""
    said = body_of(entry)
    named = _recorded(
        said, "tool", "call", "decision", "rule", "scope", "target", "act", "state", "code", "reason", "why"
    )
    return "; ".join(f"{name} {value}" for name, value in named)


_ELSEWHERE: Final[Mapping[str, tuple[str, str, str]]] = {
    AuditEvent.STOP_SET: ("Something was stopped", "people", "bad"),
    AuditEvent.STOP_LIFTED: ("A stop was lifted", "people", ""),
    AuditEvent.GRANT_REVOKED: ("A standing grant was taken back", "people", ""),
    AuditEvent.GRANT_REFUSED: ("A standing grant was refused", "people", "bad"),
    AuditEvent.BATCH_REFUSED: ("An answer to many at once was refused", "people", "bad"),
    AuditEvent.PERSON_ERASED: ("A person was erased", "people", "warn"),
    AuditEvent.POLICY_CHANGED: ("The policy was changed", "people", ""),
    AuditEvent.POLICY_REFUSED: ("A changed policy was refused; the one before holds", "people", "bad"),
    AuditEvent.STORE_MOVED: ("The store was moved", "agent", ""),
    AuditEvent.ROW_DAMAGED: ("Something stored is damaged", "agent", "bad"),
}
