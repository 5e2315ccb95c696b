"""The refund desk: the records that most tests are about, each valid as it stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hitl_core.commands import Settled
from hitl_core.gate import OFFERED
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import (
    Action,
    Because,
    Decision,
    Kind,
    Level,
    PauseRequest,
    Reply,
    Response,
    Run,
    RunState,
    decision_of,
)
from hitl_core.testing.clock import START

REFUND = Action(tool="refund", arguments={"order": "A-1042", "amount": 120.5})


def request(action: Action = REFUND, **fields: Any) -> PauseRequest:
    """An open approval of `action`; `fields` replace what a test is about."""
    kind = fields.get("kind", Kind.APPROVAL)
    given: dict[str, Any] = {
        "id": "request-1",
        "run_id": "run-1",
        "call": f"{action.tool}#1",
        "kind": kind,
        "level": Level.CONFIRM,
        "title": "Refund",
        "action": action,
        "digest": action.digest,
        "allowed": OFFERED[kind] or tuple(Reply),
        "because": Because(rule="default", version="1", why="No rule is about this."),
        "created_at": START,
    }
    return PauseRequest(**(given | fields))


def response(to: PauseRequest, decision: Decision | dict[str, Any], *, by: str = "ann", **details: Any) -> Response:
    """An answer that was given one minute after the question."""
    made = decision_of(decision) if isinstance(decision, dict) else decision
    return Response.to(to, made, by=by, at=to.created_at + timedelta(minutes=1), **details)


def settled(
    to: PauseRequest, decision: dict[str, Any] | None = None, state: RequestState = RequestState.DECIDED
) -> Settled:
    """A request together with what was said about it."""
    return Settled(to, state, None if decision is None else response(to, decision))


def run(**fields: Any) -> Run:
    given: dict[str, Any] = {
        "id": "run-1",
        "state": RunState.RUNNING,
        "backend": "plain",
        "app": "desk:app",
        "thread": "run-1",
        "created_at": START,
        "updated_at": START,
    }
    return Run(**(given | fields))
