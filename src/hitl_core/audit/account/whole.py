"""The whole account of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ...commands import Effect, Settled
from ...lifecycle import ActionState
from ...protocol import AuditEntry, Json, Kind, Run
from .actions import actions, grants, guidance, overrides, undos
from .chapters import Chapter, Fact, chapter, in_json, when
from .decisions import decisions
from .interventions import interventions
from .record import RunRecord


@dataclass(frozen=True, slots=True)
class Account:
    """The whole account. `lines` is the run's part of the audit trail, as one sentence each."""

    title: str
    summary: Chapter
    decisions: tuple[Chapter, ...]
    actions: tuple[Chapter, ...]
    grants: tuple[Chapter, ...]
    overrides: tuple[Chapter, ...]
    undos: tuple[Chapter, ...]
    guidance: tuple[Chapter, ...]
    interventions: tuple[Chapter, ...]
    lines: tuple[Fact, ...]
    unknown: tuple[str, ...]

    @property
    def parts(self) -> dict[str, tuple[Chapter, ...]]:
        """What is told in chapters, in the order in which it is read."""
        return {
            "decisions": self.decisions,
            "actions": self.actions,
            "grants": self.grants,
            "overrides": self.overrides,
            "undos": self.undos,
            "guidance": self.guidance,
            "interventions": self.interventions,
        }

    def document(self) -> dict[str, Json]:
        """The account as JSON: lists of `{"title", "facts"}`, in the order of the text."""
        told: dict[str, Json] = {name: [_plain(each) for each in chapters] for name, chapters in self.parts.items()}
        return {
            "title": self.title,
            "summary": _plain(self.summary),
            **told,
            "lines": [{"name": each.name, "value": each.value} for each in self.lines],
            "unknown": list(self.unknown),
        }


def account(record: RunRecord) -> Account:
    """The account of a run from what the store knows of it."""
    return Account(
        title=f"Account of run {record.run.id}",
        summary=_summary(record),
        decisions=decisions(record),
        actions=actions(record),
        grants=grants(record),
        overrides=overrides(record),
        undos=undos(record),
        guidance=guidance(record),
        interventions=interventions(record),
        lines=tuple(map(_line, record.entries)),
        unknown=tuple(_unknown(record.asked, record.effects)),
    )


def _summary(record: RunRecord) -> Chapter:
    run = record.run
    asked = [each for each in record.asked if each.request.kind is not Kind.NOTICE]
    facts = {
        "What ran": _ran(run),
        "On whose behalf": run.started_by or "nobody was named",
        "Given to it": in_json(run.input),
        "Began": when(run.created_at),
        "Last change": when(run.updated_at),
        "Erased": _erased(run),
        "How it stands": run.state.value + (f": {run.error}" if run.error else ""),
        "What it returned": in_json(run.output),
        "Questions to people": str(len(asked)),
        "Actions that were allowed or refused": str(len(record.effects)),
    }
    return chapter("The run", facts)


def _ran(run: Run) -> str:
    app = f"the application {run.app!r} (version {run.app_version or 'not given'}) under {run.backend}"
    return app if run.undoes is None else f"an undo of what run {run.undoes} has done, which was {app}"


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


def _line(entry: AuditEntry) -> Fact:
    return Fact(f"{entry.seq} · {when(entry.at)}", f"{entry.event} by {entry.actor or 'nobody named'}: {entry.body}")


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


def _plain(chapter: Chapter) -> Json:
    return {"title": chapter.title, "facts": [{"name": each.name, "value": each.value} for each in chapter.facts]}
