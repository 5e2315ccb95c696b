"""It is announced, and runs when nobody has objected in time; where somebody has, it never does."""

from __future__ import annotations

from ...lifecycle import RequestState
from ...protocol import AuditEvent, Level, Run, RunState
from ..conformance.expect import expect, expect_in, expect_that
from ..conformance.scenes import Scene, note
from ..conformance.world import only, rule
from .desk import Desk
from .story import Office, story

_WHY = "it names the customer"


@story("veto")
def an_objection_in_time_ends_it(office: Office) -> None:
    """Vetoed in time it never runs, and the agent is told why; left alone it runs once, after its delay."""
    with office.desk(Scene.of(note())) as desk:
        desk.rules(rule("window", "note", level="notify", veto="1h"))
        vetoed = desk.starts()
        _is_announced(desk, vetoed)
        _is_vetoed(desk, vetoed)
        desk.rules(rule("window", "note", level="notify", veto="1s"), version="2")
        left = desk.leaves()
        worker = desk.works_until(left, "completed")
        expect("the exit status of the worker", worker.code, 0)
        expect("what happened", [line["key"] for line in desk.ledger()], [f"{left.id}:{only(left).call}"])
        _had_its_time(desk, left)
        _agent_was_told(desk, vetoed)
        desk.thought_once()
        desk.verified()


def _is_announced(desk: Desk, run: Run) -> None:
    (shown,) = desk.hitl("inbox", "--json").json["requests"]
    expect("what is announced", (shown["tool"], shown["arguments"]), ("note", note().arguments))
    expect("how", (shown["level"], shown["veto"]), (Level.NOTIFY.value, True))
    expect("the exit status of going on", desk.hitl("resume", run.id).code, 3)
    expect("what happened before its time", desk.ledger(), [])


def _is_vetoed(desk: Desk, run: Run) -> None:
    said = desk.answers("bob", only(run), "reject", "--message", _WHY)
    expect("Bob's veto", (said.code, said.json["request"]["state"]), (0, RequestState.VETOED.value))
    desk.refused(desk.answers("cyn", only(run), "approve"), code="HITL-D03", says="bob")


def _had_its_time(desk: Desk, run: Run) -> None:
    request = only(run)
    (over,) = desk.trail(AuditEvent.REQUEST_EXPIRED, about=request.id)
    (begun,) = desk.trail(AuditEvent.EFFECT_STARTED, about=request.id)
    expect("who let it run", over.actor, "timer")
    waited = (begun.at - request.created_at).total_seconds()
    expect_that(f"it waited a second, not {waited}", waited >= 1)
    expect_that("its time was over before it began", over.seq < begun.seq)
    expect("the version that each was asked by", (request.because.version, request.because.rule), ("2", "window"))


def _agent_was_told(desk: Desk, run: Run) -> None:
    """The worker, too, has brought the vetoed run to its end, without the call."""
    expect("the vetoed run", desk.run(run).state, RunState.COMPLETED)
    expect("what it did", desk.effects(run), ())
    expect_in("what the agent heard", "vetoed this call; it did not run", desk.stage.heard())
    expect_in("what the agent heard", _WHY, desk.stage.heard())
    settled = desk.request(only(run))
    assert settled.response is not None
    expect("who and why", (settled.response.responder.id, settled.response.reason), ("bob", _WHY))
