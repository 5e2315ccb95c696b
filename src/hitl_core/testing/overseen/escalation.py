"""Nobody answers in time: others are asked too, or instead, and what they are asked is the same."""

from __future__ import annotations

from typing import Any

from ...protocol import AuditEvent, PauseRequest, Run, RunState
from ..conformance.expect import expect, expect_that
from ..conformance.scenes import Scene, note, pay, ship
from ..conformance.world import rule
from .desk import Desk, body
from .story import Office, story

_FIRST = ["finance"]
_NEXT = ["lead"]


def _escalates(tool: str, **step: Any) -> str:
    step = {"roles": _NEXT, **step}
    return rule(f"{tool}-goes-up", tool, level="confirm", approvers={"roles": _FIRST}, deadline="1h", escalate=[step])


@story("escalation")
def the_next_ones_are_asked(office: Office) -> None:
    """Before its time a lead is refused; then asked beside the first ones, or instead; never about anything else."""
    with office.desk(Scene.of(pay(), note(), ship())) as desk:
        much_later, soon = _escalates("pay", after="30m"), _escalates("note", after="1s")
        desk.rules(much_later, soon, _escalates("ship", after="1s", instead=True))
        run = desk.starts()
        _is_for_the_first_ones(desk, run)
        _is_for_both(desk, run)
        _is_for_the_next_ones(desk, run)
        expect("the run", desk.run(run).state, RunState.COMPLETED)
        happened = [{name: line[name] for name in line if name != "key"} for line in desk.ledger()]
        expect("what happened", happened, [{"tool": each.tool, **each.arguments} for each in (pay(), note(), ship())])
        expect("escalations in the account of the run", _account(desk, run).count("request.escalated by timer"), 2)
        desk.thought_once()
        desk.verified()


def _account(desk: Desk, run: Run) -> str:
    return desk.hitl("audit", "report", run.id).said


def _is_for_the_first_ones(desk: Desk, run: Run) -> None:
    request = desk.asked(run)
    desk.refused(desk.answers("lia", request, "approve"), code="HITL-D06", says="'lia' may not decide this")
    expect("what nobody was asked in vain", desk.trail(AuditEvent.REQUEST_ESCALATED), [])
    _decides(desk, "bob", request)


def _is_for_both(desk: Desk, run: Run) -> None:
    """The first ones can still decide."""
    request = _escalated(desk, run, asked=[*_FIRST, *_NEXT])
    for who in ("lia", "bob"):
        inbox = desk.hitl("inbox", "--as", who, "--json").json["requests"]
        expect(f"what {who} is asked", [each["id"] for each in inbox], [request.id])
    _decides(desk, "bob", request)


def _is_for_the_next_ones(desk: Desk, run: Run) -> None:
    """The first ones can no longer decide, and are told who can."""
    request = _escalated(desk, run, asked=_NEXT)
    expect("what Bob is asked", desk.hitl("inbox", "--as", "bob", "--json").json["requests"], [])
    late = desk.answers("bob", request, "approve")
    desk.refused(late, code="HITL-D06", says="'bob' may not decide this; it needs role lead")
    expect("what happened meanwhile", desk.ledger("ship"), [])
    _decides(desk, "lia", request)


def _escalated(desk: Desk, run: Run, *, asked: list[str]) -> PauseRequest:
    """The request that the run waits for, once another process has asked others about it: word for word the same."""
    request = desk.asked(run)
    desk.sweeps()
    (line,) = desk.trail(AuditEvent.REQUEST_ESCALATED, about=request.id)
    expect("who is asked now, by the trail", body(line)["roles"], asked)
    expect("what they are asked, by the trail", body(line)["digest"], request.digest)
    expect("who asked them", line.actor, "timer")
    waited = (line.at - request.created_at).total_seconds()
    expect_that(f"a second had passed, not {waited}", waited >= 1)
    expect("what is asked", desk.request(request).request, request)
    return request


def _decides(desk: Desk, who: str, request: PauseRequest) -> None:
    said = desk.answers(who, request, "approve", "--message", f"{who} has looked")
    expect(f"the exit status of {who}'s answer", said.code, 0)
    expect("the turns of the worker", desk.works(), 1)
    (line,) = desk.trail(AuditEvent.REQUEST_DECIDED, about=request.id)
    expect("who decided", (line.actor, body(line)["digest"]), (who, request.digest))
