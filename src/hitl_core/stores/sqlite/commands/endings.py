"""How a turn ends: paused with questions, finished, or cancelled from outside; and what people make of it then.

Each is one transaction. Erasing leaves the rows, with empty records in them, and does not touch the audit trail.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from ....commands import (
    CancelRun,
    EraseRun,
    FinishRun,
    GiveGuidance,
    ListErasable,
    Override,
    OverrideOutput,
    PauseRun,
    RetryRun,
)
from ....errors import OverrideRefused, RowCorrupt, RunBusy, RunFinished
from ....lifecycle import IllegalMove, RequestEvent, RunEvent
from ....protocol import (
    Action,
    AuditEvent,
    Grant,
    Guidance,
    Json,
    Overridden,
    PauseRequest,
    Record,
    Response,
    Run,
    RunState,
    micros,
)
from ..tables import RUN as SELECT_RUN
from ..tables import RunRow, Transaction, View, apart, bodies, checked, column, emptied, requests, text, unpack
from . import guidance
from .freezing import wake_if_settled
from .runs import FREED, current, find, leased, move
from .stops import of_action

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
    for request, body in asked:
        requests.insert(txn, row, request, body, now, of_action(txn, row, request.action))


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


# ── erasing ──────────────────────────────────────────────────────────────────────────────────────────────────


def erase_run(txn: Transaction, command: EraseRun) -> Run:
    row = find(txn, command.run_id)
    if not RunState(row.state).over:
        raise RunBusy(f"run {row.name!r} is {row.state}; only a run that is over can be erased: cancel it first")
    if is_erased(row):
        return current(txn, row)
    undos = [RunRow.of(found) for found in txn.execute(_UNDOS, (row.name,)).fetchall()]
    for each in undos:
        if not RunState(each.state).over:
            raise RunBusy(f"run {each.name!r}, which undoes run {row.name!r}, is {each.state}; cancel it first")
    txn.erases = True
    for each in (row, *undos):
        if not is_erased(each):
            _erase(txn, each, command)
    return current(txn, find(txn, command.run_id))


_UNDOS: Final = f"""{SELECT_RUN} WHERE json_extract(r.more, '$.undoes') = ?
    AND json_extract(r.more, '$.undoes') IS NOT NULL"""
"""The runs that undo a run: what was said in it is in them too."""

_BEING_UNDONE: Final = """SELECT json_extract(more, '$.undoes') FROM hitl_runs
    WHERE json_extract(more, '$.undoes') IS NOT NULL AND state NOT IN ('completed', 'cancelled')"""


def is_erased(row: RunRow) -> bool:
    return "erased" in json.loads(row.more or "{}")


def erasable(view: View, query: ListErasable) -> tuple[str, ...]:
    at_work = [column(undone) for (undone,) in view.execute(_BEING_UNDONE, ()).fetchall()]
    sql = f"""SELECT id FROM hitl_runs WHERE state IN ('completed', 'cancelled') AND updated < ?
        AND (more IS NULL OR json_extract(more, '$.erased') IS NULL)
        AND id NOT IN ({", ".join("?" * len(at_work))}) ORDER BY updated, key LIMIT ?"""  # noqa: S608
    found = view.execute(sql, (micros(query.before), *at_work, query.limit)).fetchall()
    return tuple(text(name) for (name,) in found)


def _erase(txn: Transaction, row: RunRow, command: EraseRun) -> None:
    asked = _emptied(txn, "SELECT body FROM hitl_requests WHERE run = ?", row.key, PauseRequest, emptied.request)
    _emptied(txn, "SELECT response FROM hitl_requests WHERE run = ?", row.key, Response, emptied.response)
    _emptied(txn, _VOTES, row.key, Response, emptied.response)
    _emptied(txn, "SELECT body FROM hitl_guidance WHERE run = ?", row.key, Guidance, emptied.guidance)
    done = _emptied(txn, "SELECT action FROM hitl_effects WHERE run = ?", row.key, Action, emptied.action)
    _emptied(txn, f"SELECT body FROM hitl_grants WHERE {_FOR_RUN}", row.key, Grant, emptied.grant)  # noqa: S608
    for held in _DROPPED:
        txn.execute(f"DELETE FROM hitl_bodies WHERE key IN ({held})", (row.key,))  # noqa: S608
    for statement in _CLEARED:
        txn.execute(statement, (row.key,))
    inside = apart.inside_of_run(txn, row.key)
    told: dict[str, Json] = {
        "reason": command.reason,
        "authenticated_by": command.authenticated_by,
        "retention": command.retention,
        "requests": asked,
        "effects": done,
        "apart": apart.erase_of_run(txn, row.key),
        "inside": inside,
    }
    left: dict[str, Json] = {"undoes": row.undoes} if row.undoes else {}
    mark: dict[str, Json] = {"at": command.now.isoformat(), "by": command.by, "retention": command.retention}
    left["erased"] = {**mark, "inside": inside} if inside else mark
    txn.execute(_RUN, (json.dumps(left), row.key))
    txn.note(AuditEvent.RUN_ERASED, row.name, command.by, command.now, told, run=row.key)


# Grants that are for this run alone; as it is over, they let nothing run any more.
_FOR_RUN: Final = "id IN (SELECT subject FROM hitl_audit WHERE run = ? AND event = 'grant.given')"

_VOTES: Final = "SELECT body FROM hitl_votes WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)"

_OF_RUN: Final = "draft IN (SELECT id FROM hitl_requests WHERE run = ?)"

_DROPPED: Final = (
    "SELECT result FROM hitl_effects WHERE run = ?",
    "SELECT body FROM hitl_journal WHERE run = ?",
    "SELECT input FROM hitl_runs WHERE key = ?",
    "SELECT checkpoint FROM hitl_runs WHERE key = ?",
    "SELECT output FROM hitl_runs WHERE key = ?",
    "SELECT original FROM hitl_overrides WHERE run = ?",
    f"SELECT body FROM hitl_drafts WHERE {_OF_RUN}",  # noqa: S608
    "SELECT body FROM hitl_comments WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)",
    "SELECT body FROM hitl_overrides WHERE run = ?",
)
"""Bodies of which nothing is left."""

_CLEARED: Final = (
    """UPDATE hitl_votes SET responder = '(erased) ' || body
        WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)""",
    "UPDATE hitl_requests SET why = NULL WHERE run = ?",
    # Without its end there is no receipt either: nobody takes back what is not known any more.
    "UPDATE hitl_effects SET result = NULL, error = NULL, ended = NULL WHERE run = ?",
    "DELETE FROM hitl_overrides WHERE run = ?",
    f"DELETE FROM hitl_drafts WHERE {_OF_RUN}",  # noqa: S608
    "DELETE FROM hitl_comments WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)",
    "UPDATE hitl_requests SET draft = NULL WHERE run = ?",
    "DELETE FROM hitl_journal WHERE run = ?",
    f"UPDATE hitl_grants SET revoked_by = '(erased)' WHERE revoked_by IS NOT NULL AND {_FOR_RUN}",  # noqa: S608
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
