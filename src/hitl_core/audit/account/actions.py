"""What was done, and under which permission; what people put in its place, and what was taken back."""

from __future__ import annotations

from typing import Final

from ...commands import Effect, Override
from ...lifecycle import ActionState
from ...protocol import Grant, Guidance, Kind, PauseRequest, Undoing
from .chapters import Chapter, chapter, in_json, when, who
from .record import RunRecord


def actions(record: RunRecord) -> tuple[Chapter, ...]:
    return tuple(_action(record, each) for each in record.effects)


def _action(record: RunRecord, effect: Effect) -> Chapter:
    notices = [each.request for each in record.asked if each.request.kind is Kind.NOTICE]
    facts = {
        "Place in the run": effect.call,
        "Arguments": in_json(effect.action.arguments),
        "Allowed by": _allowed_by(effect),
        "People were told": "; ".join(_notice(each) for each in notices if each.call == effect.call),
        "What happened": _HAPPENED[effect.state],
        "Times it was begun": str(effect.attempts),
        "Result": in_json(effect.result),
        "Error": effect.error,
    }
    return chapter(effect.action.tool, facts)


def _allowed_by(effect: Effect) -> str:
    if effect.request_id is not None:
        return f"request {effect.request_id}"
    if effect.grant_id is not None:
        return f"standing grant {effect.grant_id}, without asking again"
    return "nobody: it did not run" if effect.state is ActionState.REFUSED else "the policy, without asking"


def _notice(notice: PauseRequest) -> str:
    until = "" if notice.undo_until is None else f", that it can be taken back until {when(notice.undo_until)}"
    return f"as it began, at {when(notice.created_at)}{until} (rule {notice.because.rule})"


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


# ── standing grants ──────────────────────────────────────────────────────────────────────────────────────────


def grants(record: RunRecord) -> tuple[Chapter, ...]:
    """The grants that something in the run has begun under."""
    return tuple(_grant(record, each) for each in record.grants)


def _grant(record: RunRecord, grant: Grant) -> Chapter:
    allows = grant.allows.model_dump(mode="json", exclude_none=True, exclude={"tool", "definition"})
    revoked = "" if grant.revoked_at is None else f"by {grant.revoked_by} at {when(grant.revoked_at)}"
    facts = {
        "Grant": grant.id,
        "Given by": who(grant.by),
        "Given at": when(grant.given_at),
        "Reason given": grant.reason,
        "Within": in_json(allows) if allows else "no other limit than its time",
        "Until": when(grant.expires_at),
        "Used in this run at": ", ".join(each.call for each in record.effects if each.grant_id == grant.id),
        "Used in all": f"{grant.used} times so far",
        "Taken back": revoked,
    }
    return chapter(f"{grant.allows.tool} without asking each time", facts)


# ── what was put in the place of it, and what was taken back ─────────────────────────────────────────────────


def overrides(record: RunRecord) -> tuple[Chapter, ...]:
    return tuple(map(_override, record.overrides))


def _override(override: Override) -> Chapter:
    facts = {
        "By": override.by,
        "At": when(override.at),
        "Reason given": override.reason,
        "What it was": in_json(override.original) or "null",
        "What it is": in_json(override.value) or "null",
    }
    return chapter("The output of the run" if override.call is None else f"The result of {override.call}", facts)


def undos(record: RunRecord) -> tuple[Chapter, ...]:
    return tuple(map(_undo, record.undos))


def _undo(undoing: Undoing) -> Chapter:
    run = undoing.run
    reason = run.input.get("reason") if isinstance(run.input, dict) else ""
    facts = {
        "Wanted by": run.started_by or "nobody was named",
        "At": when(run.created_at),
        "Reason given": str(reason or ""),
        "How it stands": run.state.value,
        "All of it": "yes" if undoing.whole else "NO, see each of them",
        **{f"{each.tool} at {each.call}": _became(each.state, each.why) for each in undoing.calls},
    }
    return chapter(f"Undo {run.id}", facts)


def _became(state: str, why: str) -> str:
    return state.replace("_", " ") + (f": {why}" if why else "")


# ── what was said to the agent ───────────────────────────────────────────────────────────────────────────────


def guidance(record: RunRecord) -> tuple[Chapter, ...]:
    return tuple(map(_guidance, record.guidance))


def _guidance(told: Guidance) -> Chapter:
    place = f" at {told.place}" if told.place else ""
    facts = {"By": told.by.id, "At": when(told.given_at), "In these words": told.text, "Came to": told.state + place}
    return chapter("Said to the agent", facts)
