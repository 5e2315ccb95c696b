"""A stop that races a resume: what began, began before it; what did not, waits until another person lifts it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random
from typing import Final

from ...commands import StopScope
from ...protocol import AuditEntry, AuditEvent, Run, RunState
from ..conformance.expect import expect, expect_in, expect_that
from ..conformance.scenes import Scene, pay
from ..conformance.world import only, rule
from .desk import Desk
from .story import Office, story

ROUNDS: Final = 10
SEED: Final = 4
"""Of the moments of the stops; that they fall elsewhere in each run is the machine's doing."""

_SCOPES: Final = (StopScope.TOOL, StopScope.RUN, StopScope.ALL)
_WHY: Final = "the bank has called"
_FINE: Final = "the bank was wrong"


@dataclass(frozen=True, slots=True)
class _Stop:
    """A stop as its command names it."""

    scope: StopScope
    target: str

    @classmethod
    def of(cls, scope: StopScope, run: Run) -> _Stop:
        return cls(scope, {StopScope.RUN: run.id, StopScope.TOOL: "pay"}.get(scope, ""))

    @property
    def words(self) -> tuple[str, ...]:
        return (self.scope.value, self.target) if self.target else (self.scope.value,)

    @property
    def subject(self) -> str:
        """How the trail names it."""
        return ":".join(self.words)


@story("stop")
def a_stop_races_a_resume(office: Office) -> None:
    """Whatever the moment: an approved call begins before the stop or not at all, and once when it is lifted."""
    with office.desk(Scene.of(pay())) as desk:
        desk.rules(rule("asks", level="confirm", approvers={"roles": ["finance"]}))
        first, *runs = desk.starts_several(1 + ROUNDS)
        took, moments = _undisturbed(desk, first), Random(SEED)  # noqa: S311  # to be spread, not to be secret
        for number, run in enumerate(runs):
            _is_approved(desk, run)
            stop = _Stop.of(_SCOPES[number % len(_SCOPES)], run)
            _races(desk, run, stop, number, moments.uniform(0, took))
            _is_held(desk, run, stop)
            _is_lifted_by_another(desk, stop)
            _goes_on(desk, run)
        expect("how often it ran in all", len(desk.ledger("pay")), ROUNDS + 1)
        desk.verified()


def _undisturbed(desk: Desk, run: Run) -> float:
    """A resume that nobody stops, and the seconds that it takes."""
    _is_approved(desk, run)
    begun = time.monotonic()
    expect("the exit status undisturbed", desk.hitl("resume", run.id).code, 0)
    return time.monotonic() - begun


def _is_approved(desk: Desk, run: Run) -> None:
    expect("Bob's approval", desk.answers("bob", only(run), "approve").code, 0)


def _races(desk: Desk, run: Run, stop: _Stop, number: int, moment: float) -> None:
    """One process resumes, another stops. The first stop comes before the resume, the last one after it."""
    resume = ("resume", run.id) if number % 2 else ("worker", "--until-idle")
    halt = ("stop", *stop.words, "--as", "max", "--reason", _WHY, "--json")
    if number == 0:
        stopped, _ = desk.hitl(*halt), desk.hitl(*resume)
    elif number == ROUNDS - 1:
        _, stopped = desk.hitl(*resume), desk.hitl(*halt)
    else:
        _, stopped = desk.at_once(resume, halt, after=(0.0, moment))
    expect("the stop", (stopped.code, stopped.json["state"]), (0, "stopped"))
    if number in (0, ROUNDS - 1):
        expect("whether it ran", _happened(desk, run), number != 0)


def _is_held(desk: Desk, run: Run, stop: _Stop) -> None:
    """What did not begin before the stop does not begin under it, whoever tries."""
    begun = _began(desk, run)
    expect("whether it happened", _happened(desk, run), bool(begun))
    if not begun:
        blocked = desk.hitl("resume", run.id)
        expect("the exit status under the stop", blocked.code, 1)
        expect_in("what is said", "max", blocked.said)
        expect_in("what is said", _WHY, blocked.said)
    expect("what began under the stop", _began(desk, run, after=_newest(desk, AuditEvent.STOP_SET)), [])
    (shown,) = desk.hitl("stops", "--json").json["stops"]
    expect("the stop", (shown["scope"], shown["target"]), (stop.scope.value, stop.target))
    expect("who and why", (shown["by"], shown["reason"]), ("max", _WHY))


def _is_lifted_by_another(desk: Desk, stop: _Stop) -> None:
    same = desk.hitl("lift", *stop.words, "--as", "max", "--reason", _FINE, "--json")
    says = f"'max' put the stop of {stop.subject} in force; another person has to lift it"
    desk.refused(same, code="HITL-P01", says=says)
    other = desk.hitl("lift", *stop.words, "--as", "lia", "--reason", _FINE, "--json")
    expect("the lifting", (other.code, other.json["state"], other.json["in_force"]), (0, "lifted", []))
    line = _newest(desk, AuditEvent.STOP_LIFTED)
    expect("who lifted it", (line.actor, line.subject), ("lia", stop.subject))
    expect_that("it was lifted after it was set", line.seq > _newest(desk, AuditEvent.STOP_SET).seq)


def _goes_on(desk: Desk, run: Run) -> None:
    """Nobody is asked again: the approval that the stop held back is used now, unless it was before."""
    before = desk.run(run).state
    if before is not RunState.COMPLETED:
        expect(f"the exit status of a run that was {before}", desk.hitl("resume", run.id).code, 0)
    expect("the run", desk.run(run).state, RunState.COMPLETED)
    expect("how often it began", len(_began(desk, run)), 1)
    expect("how often it happened", sum(line["key"].startswith(run.id) for line in desk.ledger()), 1)


def _happened(desk: Desk, run: Run) -> bool:
    return any(line["key"].startswith(run.id) for line in desk.ledger())


def _began(desk: Desk, run: Run, *, after: AuditEntry | None = None) -> list[AuditEntry]:
    """Where the run's call began, by the trail; of these, what comes after another line."""
    found = [entry for entry in desk.trail(AuditEvent.EFFECT_STARTED) if entry.subject == run.id]
    return [entry for entry in found if after is None or entry.seq > after.seq]


def _newest(desk: Desk, event: AuditEvent) -> AuditEntry:
    return desk.trail(event)[-1]
