"""The account of one run, for an auditor who has never seen this tool: who, what, when, why, and what came of it. Pure.

It says only what the record says, and what the record cannot know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..commands import Effect, Settled
from ..lifecycle import ActionState
from ..protocol import Approve, AuditEntry, Edit, Guidance, Json, PauseRequest, Response, Run


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known, under the name of what it answers."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """Facts that belong together, in the order in which they are read."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """The whole account. `lines` is the run's part of the audit trail, as one sentence each."""

    title: str
    summary: Chapter
    decisions: tuple[Chapter, ...]
    actions: tuple[Chapter, ...]
    guidance: tuple[Chapter, ...]
    lines: tuple[Fact, ...]
    unknown: tuple[str, ...]

    def document(self) -> dict[str, Json]:
        """The account as JSON: lists of `{"title", "facts"}`, in the order of the text."""
        return {
            "title": self.title,
            "summary": _plain(self.summary),
            "decisions": [_plain(each) for each in self.decisions],
            "actions": [_plain(each) for each in self.actions],
            "guidance": [_plain(each) for each in self.guidance],
            "lines": [{"name": each.name, "value": each.value} for each in self.lines],
            "unknown": list(self.unknown),
        }


def account(
    run: Run,
    asked: Sequence[Settled],
    effects: Sequence[Effect],
    told: Sequence[Guidance],
    entries: Iterable[AuditEntry],
) -> Account:
    """The account of a run from what the store knows of it."""
    return Account(
        title=f"Account of run {run.id}",
        summary=_summary(run, asked, effects),
        decisions=tuple(map(_decision, asked)),
        actions=tuple(map(_action, effects)),
        guidance=tuple(map(_guidance, told)),
        lines=tuple(map(_line, entries)),
        unknown=tuple(_unknown(asked, effects)),
    )


def _summary(run: Run, asked: Sequence[Settled], effects: Sequence[Effect]) -> Chapter:
    facts = {
        "What ran": f"the application {run.app!r} (version {run.app_version or 'not given'}) under {run.backend}",
        "On whose behalf": run.started_by or "nobody was named",
        "Given to it": _json(run.input),
        "Began": _when(run.created_at),
        "Last change": _when(run.updated_at),
        "Erased": _erased(run),
        "How it stands": run.state.value + (f": {run.error}" if run.error else ""),
        "What it returned": _json(run.output),
        "Questions to people": str(len(asked)),
        "Actions that were allowed or refused": str(len(effects)),
    }
    return _chapter("The run", facts)


def _erased(run: Run) -> str:
    found = (run.model_extra or {}).get("erased")
    if not isinstance(found, dict):
        return ""
    why = "because of its age" if found.get("retention") else "by order"
    inside = found.get("inside")
    left = f"; {inside} lines below keep names or texts, as an older release sealed them" if inside else ""
    return (
        f"at {found.get('at')} by {found.get('by')}, {why}: names, texts and payloads below are gone, not empty{left}"
    )


def _decision(settled: Settled) -> Chapter:
    request, answer = settled.request, settled.response
    facts = {
        **_asked(request),
        "Votes before the decision": "; ".join(_who(vote) + f" said {vote.decision.type}" for vote in settled.votes),
        **({"Decided": _undecided(settled)} if answer is None else _answered(answer)),
    }
    return _chapter(f"{request.title} ({request.kind})", facts)


def _asked(request: PauseRequest) -> dict[str, str]:
    preview, because = request.preview, request.because
    return {
        "Asked at": _when(request.created_at),
        "Request": request.id,
        "Place in the run": f"{request.call}, round {request.round}",
        "Which agent": " > ".join(request.action.origin.agents) or "not named",
        "Shown: the action": request.action.tool,
        "Shown: its arguments": _json(request.action.arguments),
        "Shown: its effect": "; ".join(filter(None, (preview.effect, preview.target, preview.cost, preview.diff))),
        "Shown: warnings": "; ".join(preview.warnings),
        "Shown: can it be undone": {True: "yes", False: "no", None: "not known"}[preview.reversible],
        "Said by the agent (nobody checked it)": request.context.message,
        "Why it was asked": f"{because.why} (rule {because.rule}, version {because.version})",
        "Who could decide": _approvers(request),
        "Deadline": "none" if request.deadline is None else f"{_when(request.deadline)}, then {request.on_timeout}",
        "Digest of what was shown": request.digest,
    }


def _approvers(request: PauseRequest) -> str:
    stages = (f"{stage.quorum} of {_names(stage.users, stage.roles)}" for stage in request.approvers.in_order)
    return ", then ".join(stages)


def _names(users: Sequence[str], roles: Sequence[str]) -> str:
    return ", ".join([*users, *(f"anybody in the role {role}" for role in roles)]) or "anybody"


def _answered(answer: Response) -> dict[str, str]:
    said = answer.decision.model_dump(mode="json", exclude={"type"}, exclude_none=True)
    return {
        "Decided": str(answer.decision.type),
        "Decided by": _who(answer),
        "Decided at": _when(answer.decided_at),
        "In these words": "" if isinstance(answer.decision, Approve) else _json(said),
        "Reason given": answer.reason,
        "Changed by the person": "yes: it was to run with the arguments above" * isinstance(answer.decision, Edit),
        "Together with others": "" if answer.batch is None else f"yes, in one gesture named {answer.batch}",
    }


def _undecided(settled: Settled) -> str:
    return f"by nobody; the request is {settled.state}"


def _who(answer: Response) -> str:
    who = answer.responder
    known = "who merely stated this name" if who.authenticated_by == "assertion" else f"known by {who.authenticated_by}"
    roles = f", as {', '.join(who.roles)}" if who.roles else ""
    return f"{who.id}{roles}, {known}, through {who.channel}"


def _action(effect: Effect) -> Chapter:
    facts = {
        "Place in the run": effect.call,
        "Arguments": _json(effect.action.arguments),
        "Allowed by": _allowed_by(effect),
        "What happened": _HAPPENED[effect.state],
        "Times it was begun": str(effect.attempts),
        "Result": _json(effect.result),
        "Error": effect.error,
    }
    return _chapter(effect.action.tool, facts)


def _allowed_by(effect: Effect) -> str:
    if effect.request_id is not None:
        return f"request {effect.request_id}"
    return "nobody: it did not run" if effect.state is ActionState.REFUSED else "the policy, without asking"


_HAPPENED: Final = {
    ActionState.PROPOSED: "it was proposed and did not run",
    ActionState.ALLOWED: "it may begin, or begin again; it is not running",
    ActionState.REFUSED: "it was refused and did not run",
    ActionState.ANSWERED: "a person's words stand for its result; it did not run",
    ActionState.EXECUTING: "it was begun and has reported no outcome",
    ActionState.EXECUTED: "it ran and reported success",
    ActionState.FAILED: "it ran and reported a failure, or was given up",
    ActionState.IN_DOUBT: "it was begun and its outcome was lost; whether it happened is not known",
}


def _guidance(told: Guidance) -> Chapter:
    place = f" at {told.place}" if told.place else ""
    facts = {"By": told.by.id, "At": _when(told.given_at), "In these words": told.text, "Came to": told.state + place}
    return _chapter("Said to the agent", facts)


def _line(entry: AuditEntry) -> Fact:
    return Fact(f"{entry.seq} · {_when(entry.at)}", f"{entry.event} by {entry.actor or 'nobody named'}: {entry.body}")


_ALWAYS_UNKNOWN: Final = (
    "Whether these lines are still those that were sealed: `hitl audit verify` tells that, and was not run for this.",
    "What really happened outside. `Ran and reported success` is what the tool said, not what was seen of the world.",
    "Whether a person read what was shown, and how long: only what was offered and what was answered is recorded.",
    "What the agent did besides. Only actions that pass this gate are here; `hitl doctor` names those that do not.",
    "Why the model proposed it. What an agent says of its own reasons is recorded as its words, and nobody checked it.",
    "Whether the clock was right. Times are in UTC, by the clock of the machine that wrote them.",
)


def _unknown(asked: Sequence[Settled], effects: Sequence[Effect]) -> Iterator[str]:
    yield from _ALWAYS_UNKNOWN
    answers = [answer for each in asked for answer in (*each.votes, each.response) if answer is not None]
    names = sorted({answer.responder.id for answer in answers if answer.responder.authenticated_by == "assertion"})
    if names:
        yield f"Whether {', '.join(names)} really answered: whoever did stated this name, and nothing proved it."
    for effect in effects:
        if effect.state in (ActionState.EXECUTING, ActionState.IN_DOUBT):
            yield f"Whether {effect.action.tool} at {effect.call} happened: its outcome is not recorded."


def _chapter(title: str, facts: dict[str, str]) -> Chapter:
    """Without what there is nothing to say about."""
    return Chapter(title, tuple(Fact(name, value) for name, value in facts.items() if value))


def _plain(chapter: Chapter) -> Json:
    return {"title": chapter.title, "facts": [{"name": each.name, "value": each.value} for each in chapter.facts]}


def _when(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def _json(value: Json) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
