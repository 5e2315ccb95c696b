"""Deadlines, reminders and escalation: rows with a due time, fired by whoever looks first, each once.

Where others write at the same time, the run of each is locked, as for an answer to it, and the request itself: one that
was answered since we looked is found as it is now. What others have locked is passed over, and is due the next time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ....commands import FireTimers, Settled
from ....lifecycle import REQUEST, RequestEvent, RequestState
from ....protocol import AuditEvent, Json, OnTimeout, RunState, micros
from ....quorum import asked_at, standing
from ..commands import by_key, cancel, find, slips, wake_if_settled
from ..tables import BY_KEY, Transaction, View, note_assigned, readable, request_by_key, requests, text
from .deferring import wake as wake_up

_DUE: Final = """SELECT q.key, q.id, q.run, q.waits, q.due, q.lapse FROM hitl_requests q
    CROSS JOIN hitl_runs r ON r.key = q.run
    WHERE q.due IS NOT NULL AND q.due <= ? AND q.state = 'open' ORDER BY q.due LIMIT ?"""

_EXPIRE: Final = """UPDATE hitl_requests SET state = ?, allows = ?, line = ?, due = NULL, room = NULL
    WHERE key = ?"""

# Whoever answered in time has left the deadline where it was, to touch one page less.
_SWEEP: Final = """UPDATE hitl_requests SET due = NULL WHERE key IN (SELECT q.key FROM hitl_requests q
    WHERE q.due IS NOT NULL AND q.due <= ? AND q.state NOT IN ('open', 'frozen') ORDER BY q.due LIMIT ?{if_free})"""

_ANYTHING: Final = "SELECT 1 FROM hitl_requests WHERE due IS NOT NULL AND due <= ? AND state != 'frozen' LIMIT 1"


def anything_due(view: View, command: FireTimers) -> bool:
    """Whether there is a deadline to fire or to sweep away, or somebody to ask."""
    now = micros(command.now)
    view.link.ahead(_ANYBODY, (now,))
    return view.one(_ANYTHING, now) is not None or view.one(_ANYBODY, now) is not None


def fire_timers(txn: Transaction, command: FireTimers) -> tuple[Settled, ...]:
    due = txn.execute(_DUE + txn.unless_locked("r", "q"), (micros(command.now), command.limit)).fetchall()
    txn.link.many(_EXPIRE, [_expired(txn, command.now, *row) for row in due])
    for _, name, run, waits, _, lapse in due:
        if waits and lapse == OnTimeout.CANCEL_RUN:
            _cancel_run(txn, run, text(name), command.now)
    for run in dict.fromkeys(row[2] for row in due):
        wake_if_settled(txn, run, command.now)
    asked = _ask(txn, command)
    txn.execute(_SWEEP.format(if_free=txn.unless_locked("q")), (micros(command.now), command.limit))
    return _settled(txn, [*(row[0] for row in due), *asked])


# ── asking again, and asking others ──────────────────────────────────────────────────────────────────────────

# What is asked under a stop waits for its end; what is decided is asked no more.
_TO_ASK: Final = """SELECT t.due, t.request, t.event, t.step, q.state, q.run FROM hitl_timers t
    CROSS JOIN hitl_requests q ON q.key = t.request CROSS JOIN hitl_runs r ON r.key = q.run
    WHERE t.due <= ? AND q.state != 'frozen' ORDER BY t.due, t.request, t.event, t.step LIMIT ?"""

_ANYBODY: Final = """SELECT 1 FROM hitl_timers t JOIN hitl_requests q ON q.key = t.request
    WHERE t.due <= ? AND q.state != 'frozen' LIMIT 1"""

_ASKED: Final = "DELETE FROM hitl_timers WHERE due = ? AND request = ? AND event = ? AND step = ?"


def _ask(txn: Transaction, command: FireTimers) -> list[int]:
    """Note who is asked again and who is asked too; returns the requests, each once. The question stays as it is."""
    sql = _TO_ASK + txn.unless_locked("r", "q", "t")
    found = txn.execute(sql, (micros(command.now), command.limit)).fetchall()
    txn.link.many(_ASKED, [row[:4] for row in found])
    open_ones = [row for row in found if row[4] == RequestState.OPEN]
    for _, key, event, step, _, run in open_ones:
        _note_asked(txn, command, key, AuditEvent(event), step, run)
    return list(dict.fromkeys(row[1] for row in open_ones))


def _note_asked(txn: Transaction, command: FireTimers, key: int, event: AuditEvent, step: int, run: int) -> None:
    known, now = request_by_key(txn, key), command.now
    request = known.request
    slips.untold(txn, request.id, command.untold, now)
    body: dict[str, Json] = {"digest": request.digest, "step": step}
    if event is AuditEvent.REQUEST_ESCALATED:
        asked = standing(asked_at(request, known.votes, now), known.votes).now
        assert asked is not None
        values = (requests.audience(txn, asked), key)
        txn.execute("UPDATE hitl_requests SET audience = ? WHERE key = ?", values)
        wake_up(txn, key)
        if request.escalation[step].reassign:
            note_assigned(txn, request.escalation[step].users, find(txn, request.run_id).tenant, now)
        body |= {"users": list(asked.users), "roles": list(asked.roles)}
    txn.note(event, request.id, "timer", now, body, run=run)


# ── deadlines ────────────────────────────────────────────────────────────────────────────────────────────────


def _expired(
    txn: Transaction, now: datetime, key: int, name: bytes | str, run: int, waits: int, due: int, lapse: str
) -> tuple[RequestState, bool, int, int]:
    """Note one deadline; returns what _EXPIRE needs for it."""
    state, line = REQUEST.advance(RequestState.OPEN, RequestEvent.EXPIRE), txn.reference
    txn.note(AuditEvent.REQUEST_EXPIRED, text(name), "timer", now, {"due": due, "outcome": lapse})
    return state, lapse == OnTimeout.PROCEED, line, key


def _cancel_run(txn: Transaction, run: int, request: str, now: datetime) -> None:
    row = by_key(txn, run)
    if not RunState(row.state).over:
        cancel(txn, row, "timer", f"nobody decided request {request} in time", now)


def _settled(txn: Transaction, keys: list[int]) -> tuple[Settled, ...]:
    for key in keys:
        txn.link.ahead(BY_KEY, (key,))
    rows = [txn.one(BY_KEY, key) for key in keys]
    return tuple(readable(txn, [row for row in rows if row is not None]))
