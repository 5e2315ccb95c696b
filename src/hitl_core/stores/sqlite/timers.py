"""Deadlines: rows with a due time, fired by whoever looks first, each once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ...commands import FireTimers, Settled
from ...lifecycle import REQUEST, RequestEvent, RequestState
from ...protocol import AuditEvent, OnTimeout, RunState, micros
from .endings import cancel
from .identity import text
from .runs import by_key, ready_if_settled
from .settled import SETTLED, readable
from .transaction import Transaction
from .view import View

_DUE: Final = """SELECT key, id, run, waits, due, lapse FROM hitl_requests
    WHERE state = 'open' AND due IS NOT NULL AND due <= ? ORDER BY due LIMIT ?"""

_EXPIRE: Final = "UPDATE hitl_requests SET state = ?, allows = ?, line = ?, room = NULL WHERE key = ?"


def anything_due(view: View, command: FireTimers) -> bool:
    return view.one(_DUE, micros(command.now), 1) is not None


def fire_timers(txn: Transaction, command: FireTimers) -> tuple[Settled, ...]:
    due = txn.execute(_DUE, (micros(command.now), command.limit)).fetchall()
    expired = REQUEST.advance(RequestState.OPEN, RequestEvent.EXPIRE)
    rows = []
    for key, name, run, waits, moment, lapse in due:
        body: dict[str, Any] = {"due": moment, "outcome": lapse}
        rows.append((expired, lapse == OnTimeout.PROCEED, txn.next_line, key))
        txn.note(AuditEvent.REQUEST_EXPIRED, text(name), "timer", command.now, body)
        if waits and lapse == OnTimeout.CANCEL_RUN:
            _cancel_run(txn, run, text(name), command.now)
    txn.connection.executemany(_EXPIRE, rows)
    for run in dict.fromkeys(row[2] for row in due):
        ready_if_settled(txn, run, command.now)
    return _settled(txn, [row[0] for row in due])


def _cancel_run(txn: Transaction, run: int, request: str, now: datetime) -> None:
    row = by_key(txn, run)
    if not RunState(row.state).over:
        cancel(txn, row, "timer", f"nobody decided request {request} in time", now)


def _settled(txn: Transaction, keys: list[int]) -> tuple[Settled, ...]:
    rows = [txn.one(f"{SETTLED} WHERE q.key = ?", key) for key in keys]
    return tuple(readable(txn, [row for row in rows if row is not None]))
