"""The shapes that `--json` writes. They are documented in docs/cli.md: add to them, never take away.

A request and a run both have `id`, `kind`, `state` and `options`. For a request `options` are what can be chosen
(`choose --option ID`); for a run they are the commands that make sense now.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, cast

from ...audit import Report
from ...commands import Effect, Override, Page, Settled, Stop
from ...lifecycle import RequestState
from ...protocol import (
    AuditEntry,
    Comment,
    DraftVersion,
    Grant,
    Guidance,
    Json,
    PauseRequest,
    Record,
    Run,
    RunState,
    Undoing,
)
from ...runtime import Reach
from ..frozen import Frozen
from .agreement import still_needed

_RUN_OPTIONS: Final[dict[RunState, tuple[tuple[str, str], ...]]] = {
    RunState.RUNNING: (("resume", "Take it over if its worker died"), ("cancel", "End it")),
    RunState.PAUSED: (("respond", "Answer its pending requests"), ("cancel", "End it")),
    RunState.READY: (("resume", "Work on it now"), ("cancel", "End it")),
    RunState.FAILED: (("resume", "Try again from its last pause"), ("cancel", "End it")),
    RunState.STOPPED: (("lift", "Lift the stop"), ("cancel", "End it")),
    RunState.COMPLETED: (),
    RunState.CANCELLED: (),
}


def request_view(request: PauseRequest, state: RequestState) -> dict[str, Json]:
    """A request as shown to people. The adapter's own `handle` stays inside."""
    view = _plain(request, without={"handle", "action", "requested_for"})
    return {
        "id": view.pop("id"),
        "kind": view.pop("kind"),
        "state": state.value,
        "tool": request.action.tool,
        "arguments": _plain(request.action)["arguments"],
        "agent": list(request.action.origin.agents),
        "started_by": request.requested_for,
        **view,
        "answer_with": cast("Json", f"hitl respond {request.id} {'|'.join(request.allowed)} --as WHO"),
    }


def settled_view(settled: Settled) -> dict[str, Json]:
    """A request with its response, if there is one."""
    response = None if settled.response is None else _plain(settled.response)
    votes: list[Json] = [_plain(vote) for vote in settled.votes]
    needed = still_needed(settled, datetime.now(UTC))
    return {
        **request_view(settled.request, settled.state),
        "response": response,
        "votes": votes,
        "still_needed": needed,
    }


def frozen_view(frozen: Frozen) -> dict[str, Json]:
    """A request that a stop holds, with the stops that do."""
    stops: list[Json] = [stop_view(each) for each in frozen.stops]
    return {**settled_view(frozen.settled), "stopped_by": stops}


def run_view(run: Run, frozen: Iterable[Frozen] = ()) -> dict[str, Json]:
    """A run with its open requests, and those that a stop holds."""
    view = _plain(run, without={"pending"})
    pending: list[Json] = [request_view(each, RequestState.OPEN) for each in run.pending]
    held: list[Json] = [frozen_view(each) for each in frozen]
    offered = _RUN_OPTIONS[RunState.STOPPED if held and not pending else run.state]
    options: list[Json] = [{"id": name, "label": label} for name, label in offered]
    return {"id": view.pop("id"), "kind": "run", **view, "pending": pending, "frozen": held, "options": options}


def run_detail_view(
    run: Run,
    requests: Iterable[Settled],
    effects: Iterable[Effect],
    guidance: Iterable[Guidance],
    frozen: Iterable[Frozen] = (),
    overrides: Iterable[Override] = (),
    undos: Iterable[Undoing] = (),
) -> dict[str, Json]:
    """A run with everything that was asked in it, what its actions came to, and what people said and did to it."""
    asked: list[Json] = [settled_view(each) for each in requests]
    done: list[Json] = [effect_view(each) for each in effects]
    told: list[Json] = [guidance_view(each) for each in guidance]
    replaced: list[Json] = [override_view(each) for each in overrides]
    undone: list[Json] = [undo_view(each) for each in undos]
    return {
        **run_view(run, frozen),
        "requests": asked,
        "effects": done,
        "guidance": told,
        "overrides": replaced,
        "undos": undone,
    }


def draft_view(request: PauseRequest, versions: Iterable[DraftVersion]) -> dict[str, Json]:
    """A shared draft: its versions, oldest first; none where there is no draft."""
    made: list[Json] = [_plain(each) for each in versions]
    return {"id": request.draft, "kind": "draft", "request_id": request.id, "run_id": request.run_id, "versions": made}


def comment_view(comment: Comment) -> dict[str, Json]:
    """What was said about a request beside deciding it."""
    view = _plain(comment)
    return {"id": view.pop("id"), "kind": "comment", **view}


def guidance_view(guidance: Guidance) -> dict[str, Json]:
    """One piece of guidance, and whether and where it has reached the agent."""
    view = _plain(guidance)
    return {"id": view.pop("id"), "kind": "guidance", "state": view.pop("state"), **view}


def grant_view(grant: Grant, now: datetime) -> dict[str, Json]:
    """One standing grant, where it stands, and what was made of it."""
    view = _plain(grant)
    return {"id": view.pop("id"), "kind": "grant", "state": grant.state(now).value, **view}


def effect_view(effect: Effect) -> dict[str, Json]:
    """One action that was allowed or refused, and its outcome."""
    return {
        "call": effect.call,
        "kind": "effect",
        "tool": effect.action.tool,
        "arguments": _plain(effect.action)["arguments"],
        "state": effect.state.value,
        "mode": effect.mode.value,
        "attempts": effect.attempts,
        "request_id": effect.request_id,
        "grant_id": effect.grant_id,
        "result": effect.result,
        "error": effect.error,
    }


def override_view(override: Override) -> dict[str, Json]:
    """What a person has put in the place of an output (`call` null) or of the result of a call."""
    return {
        "kind": "override",
        "call": override.call,
        "original": override.original,
        "value": override.value,
        "by": override.by,
        "reason": override.reason,
        "at": override.at.isoformat(),
    }


def undo_view(undoing: Undoing) -> dict[str, Json]:
    """An undo: its own run, and what became of each action that was to be taken back, the newest first."""
    calls: list[Json] = [_plain(each) for each in undoing.calls]
    return {
        "id": undoing.run.id,
        "kind": "undo",
        "undoes": undoing.undoes,
        "whole": undoing.whole,
        "calls": calls,
        "run": run_view(undoing.run),
    }


def reach_view(reaches: Iterable[Reach]) -> list[Json]:
    """What a stop reaches, and when."""
    return [{"what": each.what, "reached": each.reached, "when": each.when} for each in reaches]


def stop_view(stop: Stop) -> dict[str, Json]:
    return {
        "kind": "stop",
        "scope": stop.scope.value,
        "target": stop.target,
        "reason": stop.reason,
        "by": stop.by,
        "at": stop.at.isoformat(),
    }


def audit_view(entry: AuditEntry) -> dict[str, Json]:
    """One line of the audit trail; `body` is JSON text. `sealed` has what was sealed, if names or texts are apart."""
    return _plain(entry)


def report_view(report: Report, result: str) -> dict[str, Json]:
    """What a verification of the audit trail found."""
    findings: list[Json] = [
        {"fault": each.fault.value, "first": each.first, "last": each.last, "message": each.message}
        for each in report.findings
    ]
    return {
        "ok": report.exit_code == 0,
        "result": result,
        "origin": report.origin,
        "lines": report.lines,
        "anchors": report.anchors,
        "anchored": report.anchored,
        "unsealed": report.unsealed,
        "waiting_since": None if report.waiting_since is None else report.waiting_since.isoformat(),
        "findings": findings,
    }


def page_view(name: str, page: Page[Any], items: Iterable[dict[str, Json]]) -> dict[str, Json]:
    """`{NAME: [...], "cursor": text or null}`."""
    listed: list[Json] = list(items)
    return {name: listed, "cursor": page.cursor}


def _plain(record: Record, *, without: set[str] = frozenset()) -> dict[str, Json]:  # type: ignore[assignment]
    return record.model_dump(mode="json", exclude=without or None)
