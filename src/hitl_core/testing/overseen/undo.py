"""An undo after a crash, and a crash in an undo: the newest first, nothing twice, nothing passed over in silence."""

from __future__ import annotations

from typing import Any, Final, Literal

from ...gate import HAPPENED, NOT_HAPPENED
from ...protocol import AuditEvent, Run, RunState, UndoState
from ..conformance.expect import expect, expect_in
from ..conformance.scenes import Scene, ask, pay, ship
from ..conformance.world import free, rule
from .desk import OWNER, Desk, Done, body
from .story import Office, story

_UNDOS: Final = rule("undos", "undo:pay", level="autonomous", allow_irreversible="so that the story can see it")
_WHY: Final = "wrong customer"


@story("undo")
def an_undo_survives_crashes(office: Office) -> None:
    """After a kill -9 another process takes back the newest first; killed in between it asks, and repeats nothing."""
    with office.desk(Scene.of(pay("A"), pay("B"), ask())) as desk:
        desk.rules(free(), _UNDOS)
        _takes_back(desk)
        _asks_what_it_does_not_know(desk, "after", HAPPENED.id)
        _asks_what_it_does_not_know(desk, "before", NOT_HAPPENED.id)
        desk.verified()
    with office.desk(Scene.of(pay("A"), ship())) as desk:
        desk.rules(free(), free("ship"), _UNDOS)
        _says_what_stays(desk)
        desk.verified()


def _takes_back(desk: Desk) -> None:
    """The run's process was killed after its payments, while it waited for an answer."""
    run = desk.starts()
    expect("what was paid", _orders(desk, "pay"), ["A", "B"])
    outsider = _undoes(desk, run, by="bob")
    desk.refused(outsider, code="HITL-P01", says="'bob' may not undo; it needs role operator")
    done = _undoes(desk, run)
    expect("the exit status", (done.code, done.json["whole"]), (0, True))
    expect("what was taken back", _orders(desk, "repay"), ["B", "A"])
    expect("what is said", _said(desk, run, done), [UndoState.COMPENSATED] * 2)
    again = _undoes(desk, run)
    expect("a second undo", (again.code, _orders(desk, "repay")), (0, ["B", "A"]))
    undos = [body(line) for line in desk.trail(AuditEvent.RUN_STARTED) if body(line).get("undoes") == run.id]
    expect("who wanted it", [each["by"] for each in undos], ["uma"] * 2)
    expect_in("why", _WHY, str(desk.newest().input))


def _asks_what_it_does_not_know(desk: Desk, when: Literal["before", "after"], word: str) -> None:
    """Killed around the effect of the first step of the undo. What is older waits until somebody knows."""
    run, earlier = desk.starts(), len(desk.ledger("repay"))
    desk.stage.kills("repay", when)
    desk.killed("undo", run.id, "--as", "uma", "--reason", _WHY)
    broken = desk.newest()
    hurried = _undoes(desk, run)
    expect("the exit status of another undo meanwhile", hurried.code, 1)
    expect("what is said", _said(desk, run, hurried), [UndoState.WAITING, UndoState.NOT_REACHED])
    expect("the turns of the worker that takes over", desk.works(), 1)
    request = desk.asked(broken)
    expect("what is asked", (request.in_doubt, request.action.tool), (True, "undo:pay"))
    waiting = _undoes(desk, broken)
    expect("the exit status while it asks", waiting.code, 3)
    expect("what was taken back meanwhile", _orders(desk, "repay")[earlier:], ["B"] * (when == "after"))
    expect("Bob's word", desk.answers("bob", request, "choose", "--option", word).code, 0)
    expect("the turns of the worker", desk.works(), 1)
    done = _undoes(desk, broken)
    expect("the exit status in the end", (done.code, done.json["whole"]), (0, True))
    expect("what was taken back in the end", _orders(desk, "repay")[earlier:], ["B", "A"])
    expect("who said so", [line.actor for line in _settled(desk, broken)], ["bob"])


def _says_what_stays(desk: Desk) -> None:
    """Killed inside its last call: whether that happened is not known, so that an undo of the run is not whole."""
    desk.stage.kills("ship", "after")
    desk.killed("run", "--input", '"This is the run."', "--by", OWNER)
    run = desk.newest()
    busy = _undoes(desk, run)
    desk.refused(busy, code="HITL-U03", says="stop or cancel it first")
    expect("Uma's cancel", desk.hitl("cancel", run.id, "--as", "uma", "--reason", _WHY).code, 0)
    expect("the run", desk.run(run).state, RunState.CANCELLED)
    done = _undoes(desk, run)
    expect("the exit status", (done.code, done.json["whole"]), (1, False))
    expect("what is said", _said(desk, run, done), [UndoState.NOT_UNDOABLE, UndoState.COMPENSATED])
    expect_in("why", "whether ship happened is not known", done.json["calls"][0]["why"])
    expect("what happened", [line["tool"] for line in desk.ledger()], ["pay", "ship", "repay"])


def _undoes(desk: Desk, run: Run, *, by: str = "uma") -> Done:
    return desk.hitl("undo", run.id, "--as", by, "--reason", _WHY, "--json")


def _said(desk: Desk, run: Run, done: Done) -> list[str]:
    """What became of each call, the newest first."""
    rows = done.json["calls"]
    expect("the calls", [row["call"] for row in rows], [each.call for each in reversed(desk.effects(run))])
    return [row["state"] for row in rows]


def _orders(desk: Desk, tool: str) -> list[Any]:
    return [line["order"] for line in desk.ledger(tool)]


def _settled(desk: Desk, run: Run) -> list[Any]:
    return [line for line in desk.trail(AuditEvent.EFFECT_SETTLED) if line.subject == run.id]
