"""Deadlines: rows with a due time, fired by whoever looks first, each once."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ....commands import FireTimers, Settled
from ....lifecycle import REQUEST, RequestEvent, RequestState
from ....protocol import AuditEvent, OnTimeout, RunState, micros
from ..tables import SETTLED, Transaction, View, readable, text
from .endings import cancel
from .runs import by_key
from .waking import wake_if_settled

_DUE: Final = """SELECT key, id, run, waits, due, lapse FROM hitl_requests
    WHERE due IS NOT NULL AND due <= ? AND state = 'open' ORDER BY due LIMIT ?"""

_EXPIRE: Final = """UPDATE hitl_requests SET state = ?, allows = ?, line = ?, due = NULL, room = NULL
    WHERE key = ?"""

# Whoever answered in time has left the deadline where it was, to touch one page less.
_SWEEP: Final = """UPDATE hitl_requests SET due = NULL WHERE key IN (SELECT key FROM hitl_requests
    WHERE due IS NOT NULL AND due <= ? AND state NOT IN ('open', 'frozen') ORDER BY due LIMIT ?)"""

_ANYTHING: Final = "SELECT 1 FROM hitl_requests WHERE due IS NOT NULL AND due <= ? AND state != 'frozen' LIMIT 1"


def anything_due(view: View, command: FireTimers) -> bool:
    """Whether there is a deadline to fire or to sweep away."""
    return view.one(_ANYTHING, micros(command.now)) is not None


def fire_timers(txn: Transaction, command: FireTimers) -> tuple[Settled, ...]:
    due = txn.execute(_DUE, (micros(command.now), command.limit)).fetchall()
    txn.connection.executemany(_EXPIRE, [_expired(txn, command.now, *row) for row in due])
    txn.execute(_SWEEP, (micros(command.now), command.limit))
    for _, name, run, waits, _, lapse in due:
        if waits and lapse == OnTimeout.CANCEL_RUN:
            _cancel_run(txn, run, text(name), command.now)
    for run in dict.fromkeys(row[2] for row in due):
        wake_if_settled(txn, run, command.now)
    return _settled(txn, [row[0] for row in due])


def _expired(
    txn: Transaction, now: datetime, key: int, name: bytes | str, run: int, waits: int, due: int, lapse: str
) -> tuple[RequestState, bool, int, int]:
    """Note one deadline; returns what _EXPIRE needs for it."""
    state, line = REQUEST.advance(RequestState.OPEN, RequestEvent.EXPIRE), txn.next_line
    txn.note(AuditEvent.REQUEST_EXPIRED, text(name), "timer", now, {"due": due, "outcome": lapse})
    return state, lapse == OnTimeout.PROCEED, line, key


def _cancel_run(txn: Transaction, run: int, request: str, now: datetime) -> None:
    row = by_key(txn, run)
    if not RunState(row.state).over:
        cancel(txn, row, "timer", f"nobody decided request {request} in time", now)


def _settled(txn: Transaction, keys: list[int]) -> tuple[Settled, ...]:
    rows = [txn.one(f"{SETTLED} WHERE q.key = ?", key) for key in keys]
    return tuple(readable(txn, [row for row in rows if row is not None]))
