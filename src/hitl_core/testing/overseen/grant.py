"""What somebody has allowed twice runs twice unasked, and then asks; nobody shares the last use."""

from __future__ import annotations

from typing import Any, Final

from ...protocol import AuditEvent, Run, RunState
from ..conformance.expect import expect, expect_in
from ..conformance.scenes import Scene, note, pay
from ..conformance.world import only, rule
from .desk import Desk, body
from .story import Office, story

_NOTES: Final = rule("notes", "note", level="confirm", approvers={"roles": ["finance"]})
_PAYMENTS: Final = rule("payments", level="confirm")
_WHY: Final = "a busy day"
_RACES: Final = 2


@story("grant")
def a_grant_runs_out(office: Office) -> None:
    """Two calls run under a grant for two, the third asks; of two processes one takes the last use."""
    with office.desk(Scene.of(note("one"), note("two"), note("three"))) as desk:
        desk.rules(_NOTES)
        _is_used_up(desk)
        desk.verified()
    with office.desk(Scene.of(pay(), note())) as desk:
        desk.rules(_NOTES, _PAYMENTS)
        for taken in range(1, _RACES + 1):
            _one_takes_the_last_use(desk, taken)
        desk.verified()


def _is_used_up(desk: Desk) -> None:
    outsider = desk.hitl("grant", "note", "--for", "1h", "--as", "uma", "--json")
    desk.refused(outsider, code="HITL-P01", says="'uma' may not grant; it needs role finance")
    grant = _granted(desk, "--times", "2")
    run = desk.starts()
    expect("what ran unasked", [line["text"] for line in desk.ledger()], ["one", "two"])
    effects = desk.effects(run)
    expect("the grant of each", [each.grant_id for each in effects], [grant["id"]] * 2)
    used = desk.trail(AuditEvent.GRANT_USED, about=grant["id"])
    expect("the uses in the trail", [body(line)["call"] for line in used], [each.call for each in effects])
    expect("what asks", only(run).action.arguments, note("three").arguments)
    expect_in("why it asks", f"{grant['id']} by bob nearly covers it", only(run).because.why)
    expect_in("why it asks", "it is used up (2 of 2)", only(run).because.why)
    expect("Cyn's answer", desk.answers("cyn", only(run), "reject", "--message", "enough").code, 0)
    expect("the turns of the worker", desk.works(), 1)
    expect("what ran in the end", len(desk.ledger()), 2)
    (shown,) = desk.hitl("grants", "--json").json["grants"]
    expect("the grant", (shown["state"], shown["used"], shown["reason"]), ("used_up", 2, _WHY))
    expect_in("the account of the run", f"standing grant {grant['id']}", desk.hitl("audit", "report", run.id).said)
    expect("who gave it", [line.actor for line in desk.trail(AuditEvent.GRANT_GIVEN)], ["bob"])


def _one_takes_the_last_use(desk: Desk, taken: int) -> None:
    """Two runs that were answered, two workers at once, one use: one goes through, the other asks."""
    runs = desk.starts_several(2)
    for run in runs:
        expect("Bob's approval of the payment", desk.answers("bob", only(run), "approve").code, 0)
    grant = _granted(desk, "--times", "1")
    desk.at_once(*(("resume", run.id) for run in runs))
    expect("how many ran under it", len(desk.ledger("note")), 2 * taken - 1)
    expect("the uses", [line["used"] for line in _listed(desk, grant)], [1])
    expect("the uses in the trail", len(desk.trail(AuditEvent.GRANT_USED, about=grant["id"])), 1)
    for run in runs:
        _goes_on_by_itself(desk, run)
    states = sorted(desk.run(run).state for run in runs)
    expect("the runs", states, [RunState.COMPLETED, RunState.PAUSED])
    (waits,) = [run for run in runs if desk.run(run).pending]
    expect("Cyn's approval of the other note", desk.answers("cyn", desk.asked(waits), "approve").code, 0)
    expect("the exit status of the other run", desk.hitl("resume", waits.id).code, 0)
    expect("how many notes there are then", len(desk.ledger("note")), 2 * taken)


def _goes_on_by_itself(desk: Desk, run: Run) -> None:
    """Whoever came second to the use may have been told so by an error; resumed, it asks."""
    now = desk.run(run)
    if now.state is RunState.FAILED:
        expect_in("the error of the second one", "HITL-E07", now.error)
        expect("the exit status of its resume", desk.hitl("resume", run.id).code, 3)


def _granted(desk: Desk, *limits: str) -> Any:
    given = desk.hitl("grant", "note", "--for", "1h", *limits, "--as", "bob", "--reason", _WHY, "--json")
    expect("the exit status of the grant", given.code, 0)
    return given.json


def _listed(desk: Desk, grant: Any) -> list[Any]:
    return [each for each in desk.hitl("grants", "--json").json["grants"] if each["id"] == grant["id"]]
