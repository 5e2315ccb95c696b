"""How a turn ends: paused with questions, finished, or cancelled from outside; and how a run that is over is erased.

Each is one transaction. Erasing leaves the rows, with empty records in them, and does not touch the audit trail.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from ....commands import CancelRun, EraseRun, FinishRun, ListErasable, PauseRun, RetryRun
from ....errors import RowCorrupt, RunBusy, RunFinished
from ....lifecycle import IllegalMove, RequestEvent, RunEvent
from ....protocol import Action, AuditEvent, Guidance, Json, PauseRequest, Record, Response, Run, RunState, micros
from ..tables import RunRow, Transaction, View, bodies, checked, column, emptied, requests, text, unpack
from . import guidance
from .runs import FREED, current, find, leased, move
from .stops import in_force, of_action
from .waking import wake_if_settled

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
    requests.consume(txn, row.key, command.consumed)
    _supersede(txn, row, command)
    _ask(txn, row, checked, command.now)
    txn.note(AuditEvent.RUN_PAUSED, row.name, command.lease.owner, command.now, {}, run=row.key)
    move(txn, row, RunEvent.PAUSE, command.now, FREED + ", turns = turns + 1")
    if checkpoint is None and row.checkpoint is not None:
        checkpoint = bodies.pack(None, what="checkpoint", limit=bodies.CHECKPOINT_LIMIT)
    _keep(txn, row, checkpoint)
    wake_if_settled(txn, row.key, command.now)
    return current(txn, row)


def _ask(txn: Transaction, row: RunRow, asked: list[tuple[PauseRequest, bodies.Body]], now: datetime) -> None:
    stops = in_force(txn)
    for request, body in asked:
        requests.insert(txn, row, request, body, now, of_action(stops, row, request.action))


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
    checkpoint = _checkpoint(command.checkpoint)
    output = None if command.output is None else bodies.pack(command.output, what="output", limit=bodies.RESULT_LIMIT)
    requests.consume(txn, row.key, command.consumed)
    if command.state.over:
        _close_open(txn, row, command)
        guidance.drop(txn, row, command.lease.owner, command.now)
    kept = None if output is None else bodies.replace(txn, row.output, output)
    turns = row.turns + (checkpoint is not None)
    also = FREED + ", output = ?, error = ?, turns = ?"
    move(txn, row, event, command.now, also, kept, command.error[:ERROR_LENGTH] or None, turns)
    _keep(txn, row, checkpoint)
    note: dict[str, Json] = {} if output is None else {"output": output.digest.hex()}
    txn.note(audit, row.name, command.lease.owner, command.now, note, run=row.key)
    return current(txn, row)


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
    move(txn, row, RunEvent.RETRY, command.now, ", error = NULL")
    txn.note(AuditEvent.RUN_RETRIED, row.name, command.by, command.now, {}, run=row.key)
    return current(txn, row)


def cancel_run(txn: Transaction, command: CancelRun) -> Run:
    row = find(txn, command.run_id)
    if RunState(row.state).over:
        raise RunFinished(f"run {row.name!r} is {row.state} already")
    cancel(txn, row, command.by, command.reason, command.now, authenticated_by=command.authenticated_by)
    return current(txn, row)


def cancel(txn: Transaction, row: RunRow, by: str, reason: str, now: datetime, *, authenticated_by: str = "") -> None:
    """Cancel a run that is not over, with its open and unused requests. A lease on it ends: its fence moves on."""
    why = f"the run was cancelled by {by}" + (f": {reason}" if reason else "")
    gone = requests.withdraw(txn, RequestEvent.CANCEL, "run = ?", row.key, why=why)
    move(txn, row, RunEvent.CANCEL, now, FREED + ", fence = fence + 1, error = ?", why[:ERROR_LENGTH])
    body: dict[str, Json] = {"reason": reason}
    body |= {"authenticated_by": authenticated_by} if authenticated_by else {}
    txn.note(AuditEvent.RUN_CANCELLED, row.name, by, now, body, run=row.key)
    note_withdrawn(txn, row, gone, "cancelled", why, by, now)
    guidance.drop(txn, row, by, now)


def note_withdrawn(
    txn: Transaction, row: RunRow, names: list[str], state: str, why: str, by: str, now: datetime
) -> None:
    """One audit line for each request that closed without being used."""
    for name in names:
        body: dict[str, Json] = {"run": row.name, "state": state, "why": why}
        txn.note(AuditEvent.REQUEST_CLOSED, name, by, now, body, run=row.key)


def _checkpoint(value: Json) -> bodies.Body | None:
    return None if value is None else bodies.pack(value, what="checkpoint", limit=bodies.CHECKPOINT_LIMIT)


def _keep(txn: Transaction, row: RunRow, checkpoint: bodies.Body | None) -> None:
    if checkpoint is None:
        return
    key = bodies.replace(txn, row.checkpoint, checkpoint)
    if key != row.checkpoint:
        txn.execute("UPDATE hitl_runs SET checkpoint = ? WHERE key = ?", (key, row.key))


# ── erasing ──────────────────────────────────────────────────────────────────────────────────────────────────


def erase_run(txn: Transaction, command: EraseRun) -> Run:
    row = find(txn, command.run_id)
    if not RunState(row.state).over:
        raise RunBusy(f"run {row.name!r} is {row.state}; only a run that is over can be erased: cancel it first")
    if is_erased(row):
        return current(txn, row)
    # What is deleted is overwritten in the file too; the write-ahead log forgets it when it is next folded in.
    txn.execute("PRAGMA secure_delete = ON")
    try:
        _erase(txn, row, command)
    finally:
        txn.execute("PRAGMA secure_delete = OFF")
    return current(txn, find(txn, command.run_id))


def is_erased(row: RunRow) -> bool:
    return "erased" in json.loads(row.more or "{}")


def erasable(view: View, query: ListErasable) -> tuple[str, ...]:
    sql = """SELECT id FROM hitl_runs WHERE state IN ('completed', 'cancelled') AND updated < ?
        AND (more IS NULL OR json_extract(more, '$.erased') IS NULL) ORDER BY updated, key LIMIT ?"""
    return tuple(text(name) for (name,) in view.execute(sql, (micros(query.before), query.limit)).fetchall())


def _erase(txn: Transaction, row: RunRow, command: EraseRun) -> None:
    asked = _emptied(txn, "SELECT body FROM hitl_requests WHERE run = ?", row.key, PauseRequest, emptied.request)
    _emptied(txn, "SELECT response FROM hitl_requests WHERE run = ?", row.key, Response, emptied.response)
    _emptied(txn, _VOTES, row.key, Response, emptied.response)
    _emptied(txn, "SELECT body FROM hitl_guidance WHERE run = ?", row.key, Guidance, emptied.guidance)
    done = _emptied(txn, "SELECT action FROM hitl_effects WHERE run = ?", row.key, Action, emptied.action)
    for held in _DROPPED:
        txn.execute(f"DELETE FROM hitl_bodies WHERE key IN ({held})", (row.key,))  # noqa: S608
    for statement in _CLEARED:
        txn.execute(statement, (row.key,))
    told: dict[str, Json] = {
        "reason": command.reason,
        "retention": command.retention,
        "requests": asked,
        "effects": done,
    }
    erased = {"at": command.now.isoformat(), "by": command.by, "retention": command.retention}
    txn.execute(_RUN, (json.dumps({"erased": erased}), row.key))
    txn.note(AuditEvent.RUN_ERASED, row.name, command.by, command.now, told, run=row.key)


_VOTES: Final = "SELECT body FROM hitl_votes WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)"

_DROPPED: Final = (
    "SELECT result FROM hitl_effects WHERE run = ?",
    "SELECT body FROM hitl_journal WHERE run = ?",
    "SELECT input FROM hitl_runs WHERE key = ?",
    "SELECT checkpoint FROM hitl_runs WHERE key = ?",
    "SELECT output FROM hitl_runs WHERE key = ?",
)
"""Bodies of which nothing is left."""

_CLEARED: Final = (
    """UPDATE hitl_votes SET responder = '(erased) ' || body
        WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)""",
    "UPDATE hitl_requests SET why = NULL WHERE run = ?",
    "UPDATE hitl_effects SET result = NULL, error = NULL WHERE run = ?",
    "DELETE FROM hitl_journal WHERE run = ?",
)

_RUN: Final = """UPDATE hitl_runs SET input = NULL, checkpoint = NULL, output = NULL, error = NULL, started_by = NULL,
    thread = id, more = ? WHERE key = ?"""


def _emptied(txn: Transaction, keys: str, run: int, record: type[Record], empty: Callable[[Any], Record]) -> int:
    """Put an emptied record in the place of each body. Of one that cannot be read nothing is left at all."""
    found = txn.execute(f"SELECT key, digest, data FROM hitl_bodies WHERE key IN ({keys})", (run,)).fetchall()  # noqa: S608
    for key, digest, data in found:
        try:
            made = empty(record.model_validate_json(unpack(checked(digest, data, what=record.__name__))))
        except (RowCorrupt, ValidationError):
            txn.execute("DELETE FROM hitl_bodies WHERE key = ?", (key,))
            continue
        bodies.replace(txn, key, bodies.pack_text(made.to_json(), what=record.__name__, limit=bodies.REQUEST_LIMIT))
    return len(found)
