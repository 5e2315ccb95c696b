"""How a turn ends: paused with questions, finished, or cancelled from outside; and what people make of it then.

Each is one transaction.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

from ....commands import (
    Again,
    CancelRun,
    FinishRun,
    GiveGuidance,
    Override,
    OverrideOutput,
    PauseRun,
    RetryRun,
)
from ....errors import OverrideRefused, RunBusy, RunFinished
from ....lifecycle import ACTION, ActionEvent, ActionState, IllegalMove, RequestEvent, RunEvent
from ....protocol import (
    AuditEvent,
    Json,
    Overridden,
    PauseRequest,
    Run,
    RunState,
    micros,
)
from ..tables import RunRow, Transaction, bodies, column, requests
from . import guidance, quotas, slips, stops
from .freezing import wake, wake_if_settled
from .runs import FREED, current, find, leased, move, settled, woken, written_by
from .stops import in_force

ERROR_LENGTH: Final = 65_536
"""Characters of a run's or an effect's error text that are kept."""

_ENDS: Final = {
    RunState.COMPLETED: (RunEvent.COMPLETE, AuditEvent.RUN_COMPLETED),
    RunState.FAILED: (RunEvent.FAIL, AuditEvent.RUN_FAILED),
    RunState.STOPPED: (RunEvent.STOP, AuditEvent.RUN_STOPPED),
}
"""What FinishRun can do to a run."""


def pause_run(txn: Transaction, command: PauseRun) -> Run:
    row = leased(txn, command.lease)
    checkpoint = _checkpoint(command.checkpoint)
    checked = [(request, requests.check(request, row)) for request in command.requests]
    if command.most and (over := quotas.take(txn, row, command)) is not None:
        return _not_asked(txn, row, command, over)
    requests.consume(txn, row.key, command.consumed)
    _supersede(txn, row, command)
    waits = _ask(txn, row, checked, command)
    txn.note(AuditEvent.RUN_PAUSED, row.name, command.lease.owner, command.now, {}, run=row.key)
    if checkpoint is None and row.checkpoint is not None:
        checkpoint = bodies.pack(None, what="checkpoint", limit=bodies.CHECKPOINT_LIMIT)
    kept = _keep(txn, row, checkpoint) | written_by(txn, row, command.by)
    changed = FREED | {"tries": 0, "error": None} | kept
    row = move(txn, row, RunEvent.PAUSE, command.now, changed, counts=("turns",))
    if not waits and wake_if_settled(txn, row.key, command.now).rowcount == 1:
        row = woken(row, command.now)
    return current(txn, row, {body.digest: request for request, body in checked})


def _not_asked(txn: Transaction, row: RunRow, command: PauseRun, over: quotas.Over) -> Run:
    """Nothing of the pause is stored: its turn is as if it had been killed before, and that was no try."""
    changed = FREED | {"error": over.why, "tries": max(row.tries - 1, 0)}
    row = move(txn, row, RunEvent.FAIL, command.now, changed)
    event = AuditEvent.RUN_FAILED if over.until is None else AuditEvent.RUN_HELD_BACK
    body: dict[str, Json] = {"agent": over.agent, "quota": command.most, "until": over.until}
    txn.note(event, row.name, command.lease.owner, command.now, body, run=row.key)
    if over.until is not None:
        row = move(txn, row, RunEvent.RETRY, command.now, {"until": over.until}, wakes=False)
    return current(txn, row)


def _ask(txn: Transaction, row: RunRow, asked: list[tuple[PauseRequest, bodies.Body]], command: PauseRun) -> bool:
    """Whether the run waits for anything that was not asked before."""
    for request, _ in asked:
        stops.ahead(txn, row, request.action)
        requests.ahead(txn, row, request)
    waits, now = False, command.now
    for request, body in asked:
        if requests.insert(txn, row, request, body, now, stops.of_action(txn, row, request.action)):
            slips.untold(txn, request.id, command.untold, now)
            waits = True
    return waits


def _supersede(txn: Transaction, row: RunRow, command: PauseRun) -> None:
    why = "the app no longer waits here"
    for name in command.orphaned:
        where = "run = ? AND id = ?"
        gone = requests.withdraw(txn, RequestEvent.SUPERSEDE, where, row.key, column(name), why=why)
        note_withdrawn(txn, row, gone, "superseded", why, command.lease.owner, command.now)


def finish_run(txn: Transaction, command: FinishRun) -> Run:
    row = leased(txn, command.lease)
    if command.state not in _ENDS:
        raise IllegalMove(f"a run cannot be finished as {command.state}; possible: {', '.join(sorted(_ENDS))}")
    event, audit = _ENDS[command.state]
    if command.state.over:
        guidance.ahead_of_drop(txn, row)
    checkpoint = _checkpoint(command.checkpoint)
    output = None if command.output is None else bodies.pack(command.output, what="output", limit=bodies.RESULT_LIMIT)
    requests.consume(txn, row.key, command.consumed)
    if command.state.over:
        _close_open(txn, row, command)
        guidance.drop(txn, row, command.lease.owner, command.now)
    kept = None if output is None else bodies.replace(txn, row.output, output)
    turn = {} if checkpoint is None else _keep(txn, row, checkpoint) | written_by(txn, row, command.by)
    turn |= {"output": kept, "error": command.error[:ERROR_LENGTH] or None}
    counts = () if checkpoint is None else ("turns",)
    whose = {"until": None} if command.interrupted else FREED  # a claim sees by the owner that a turn never ended
    row = move(txn, row, event, command.now, whose | turn, counts=counts)
    note: dict[str, Json] = {} if output is None else {"output": output.digest.hex()}
    txn.note(audit, row.name, command.lease.owner, command.now, note, run=row.key)
    if command.state is RunState.FAILED and command.again is not None:
        row = _try_again(txn, row, command, command.again)
    if command.held is not None and command.held not in {(stop.scope, stop.target) for stop in in_force(txn)}:
        wake(txn, row.key, command.now)
        row = woken(row, command.now)
    return settled(txn, row) if command.state.over else current(txn, row)


_BEGAN: Final = "SELECT 1 FROM hitl_effects WHERE run = ? AND fence = ? AND attempts > 0 LIMIT 1"


def _try_again(txn: Transaction, row: RunRow, command: FinishRun, again: Again) -> RunRow:
    """A turn in which nothing ran is tried again later. Its error stays until then, for whoever looks meanwhile."""
    if row.tries >= again.tries or txn.one(_BEGAN, row.key, row.fence):
        return row
    wait = min(again.wait * 2 ** (row.tries - 1), LONGEST_WAIT)
    at = micros(command.now + timedelta(seconds=wait))
    txn.note(AuditEvent.RUN_RETRIED, row.name, "timer", command.now, {"tries": row.tries}, run=row.key)
    return move(txn, row, RunEvent.RETRY, command.now, {"until": at}, wakes=False)


LONGEST_WAIT: Final = 300.0
"""Seconds between two tries at most."""


def _close_open(txn: Transaction, row: RunRow, command: FinishRun) -> None:
    """Open questions of a run that is over are cancelled; what was decided stands in the record as decided."""
    why = f"the run is {command.state}"
    where = "run = ? AND state IN ('open', 'frozen')"
    gone = requests.withdraw(txn, RequestEvent.CANCEL, where, row.key, why=why)
    note_withdrawn(txn, row, gone, "cancelled", why, command.lease.owner, command.now)


def retry_run(txn: Transaction, command: RetryRun) -> Run:
    row = find(txn, command.run_id)
    if RunState(row.state).over:
        raise RunFinished(f"run {row.name!r} is {row.state}; start a new one")
    if row.state != RunState.FAILED:
        raise RunBusy(f"run {row.name!r} is {row.state}; only a failed run can be retried")
    row = move(txn, row, RunEvent.RETRY, command.now, {"error": None, "tries": 0})
    txn.note(AuditEvent.RUN_RETRIED, row.name, command.by, command.now, {}, run=row.key)
    return current(txn, row)


def cancel_run(txn: Transaction, command: CancelRun) -> Run:
    row = find(txn, command.run_id)
    if RunState(row.state).over:
        raise RunFinished(f"run {row.name!r} is {row.state} already")
    row = cancel(txn, row, command.by, command.reason, command.now, authenticated_by=command.authenticated_by)
    return current(txn, row)


def cancel(txn: Transaction, row: RunRow, by: str, reason: str, now: datetime, *, authenticated_by: str = "") -> RunRow:
    """Cancel a run that is not over, with its open and unused requests; returns its row as it is then. A lease on it
    ends: its fence moves on.

    What it had begun is in doubt from then on; whoever began it may still say how it came out (`effects.end_effect`).
    """
    why = f"the run was cancelled by {by}" + (f": {reason}" if reason else "")
    gone = requests.withdraw(txn, RequestEvent.CANCEL, "run = ?", row.key, why=why)
    row = move(txn, row, RunEvent.CANCEL, now, FREED | {"error": why[:ERROR_LENGTH]}, counts=("fence",))
    body: dict[str, Json] = {"reason": reason}
    body |= {"authenticated_by": authenticated_by} if authenticated_by else {}
    txn.note(AuditEvent.RUN_CANCELLED, row.name, by, now, body, run=row.key)
    note_withdrawn(txn, row, gone, "cancelled", why, by, now)
    _lose(txn, row, by, now)
    guidance.drop(txn, row, by, now)
    return row


def _lose(txn: Transaction, row: RunRow, by: str, now: datetime) -> None:
    """Nobody knows yet how what is under way comes out."""
    lost = ACTION.advance(ActionState.EXECUTING, ActionEvent.LOSE)
    sql = "SELECT key, call FROM hitl_effects WHERE run = ? AND state = 'executing' ORDER BY key"
    for key, call in txn.execute(sql, (row.key,)).fetchall():
        txn.execute("UPDATE hitl_effects SET state = ? WHERE key = ?", (lost, key))
        body: dict[str, Json] = {"call": call, "as": ActionEvent.LOSE}
        txn.note(AuditEvent.EFFECT_IN_DOUBT, row.name, by, now, body, run=row.key)


def note_withdrawn(
    txn: Transaction, row: RunRow, names: list[str], state: str, why: str, by: str, now: datetime
) -> None:
    """One audit line for each request that closed without being used."""
    for name in names:
        body: dict[str, Json] = {"run": row.name, "state": state, "why": why}
        txn.note(AuditEvent.REQUEST_CLOSED, name, by, now, body, run=row.key)


def _checkpoint(value: Json) -> bodies.Body | None:
    return None if value is None else bodies.pack(value, what="checkpoint", limit=bodies.CHECKPOINT_LIMIT)


def _keep(txn: Transaction, row: RunRow, checkpoint: bodies.Body | None) -> dict[str, Any]:
    """Store a checkpoint; returns what changes in the row of its run."""
    if checkpoint is None:
        return {}
    key = bodies.replace(txn, row.checkpoint, checkpoint)
    return {} if key == row.checkpoint else {"checkpoint": key}


# ── overriding what came out ─────────────────────────────────────────────────────────────────────────────────

_INSERT: Final = """INSERT INTO hitl_overrides (run, call, original, body, by, reason, at)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_RESULT: Final = "SELECT key, result FROM hitl_effects WHERE run = ? AND call = ? AND state = 'executed'"


def override_output(txn: Transaction, command: OverrideOutput) -> Override:
    row = find(txn, command.run_id)
    if is_erased(row):
        raise OverrideRefused(f"run {row.name!r} is erased; nothing is left of it that could be replaced")
    body = bodies.pack(command.value, what="output", limit=bodies.RESULT_LIMIT)
    new = bodies.put(txn, body)
    replace = _replace_output if command.call is None else _replace_result
    original = replace(txn, row, command, new)
    at = micros(command.now)
    txn.execute(_INSERT, (row.key, command.call, original, new, command.by, command.reason, at))
    note: dict[str, Json] = {"call": command.call, "output": body.digest.hex(), "reason": command.reason}
    note["authenticated_by"] = command.authenticated_by
    txn.note(AuditEvent.OUTPUT_OVERRIDDEN, row.name, command.by, command.now, note, run=row.key)
    if command.guidance is not None:
        guidance.give_guidance(txn, GiveGuidance(command.guidance, command.now))
    was = bodies.get(txn, original, what=f"original of run {row.name}")
    return Override(command.call, was, command.value, command.by, command.reason, command.now)


def _replace_output(txn: Transaction, row: RunRow, command: OverrideOutput, new: int) -> int | None:
    if row.state != RunState.COMPLETED or row.undoes is not None:
        why = "an undo, whose output is what happened" if row.undoes else f"{row.state} and has no output yet"
        raise OverrideRefused(f"run {row.name!r} is {why}; only the output of a completed run can be replaced")
    now = Overridden(by=command.by, reason=command.reason, at=command.now).model_dump(mode="json")
    more = {**(json.loads(row.more) if row.more else {}), "overridden": now}
    sql = "UPDATE hitl_runs SET output = ?, more = ?, updated = ? WHERE key = ?"
    txn.execute(sql, (new, bodies.json_text(more, what="run"), micros(command.now), row.key))
    return row.output


_MAY_STILL_USE: Final = (RunState.PAUSED, RunState.READY, RunState.FAILED, RunState.STOPPED)


def _replace_result(txn: Transaction, row: RunRow, command: OverrideOutput, new: int) -> int | None:
    if row.state not in _MAY_STILL_USE:
        raise OverrideRefused(f"run {row.name!r} is {row.state}: what its calls came to is in use, or was used")
    found = txn.one(_RESULT, row.key, command.call)
    if found is None:
        raise OverrideRefused(
            f"run {row.name!r} has no result at the call {command.call!r}; `hitl runs` lists its calls"
        )
    txn.execute("UPDATE hitl_effects SET result = ? WHERE key = ?", (new, found[0]))
    original: int | None = found[1]
    return original


def is_erased(row: RunRow) -> bool:
    return "erased" in json.loads(row.more or "{}")
