"""Putting off: a request leaves the inbox until a time of its own. It stays open, and its deadline stays."""

from __future__ import annotations

from typing import Final, NoReturn

from ....checks import authorise
from ....commands import DeferRequest, Note, Settled
from ....errors import Fault, HitlError, NotAuthorised, RequestClosed, RequestNotFound, ResponseRefused
from ....lifecycle import RequestState
from ....protocol import AuditEvent, Json, Reject, Response, micros
from ....quorum import asked_now
from ..commands import is_late
from ..tables import RequestRow, Transaction, request_by_key, requests

_SET: Final = """INSERT INTO hitl_timers (due, request, event, step) VALUES (?, ?, 'request.woken', 0)
    ON CONFLICT DO NOTHING"""
_CLEAR: Final = "DELETE FROM hitl_timers WHERE request = ? AND event = 'request.woken'"


def defer_request(txn: Transaction, command: DeferRequest) -> Settled:
    row = requests.by_id(txn, command.request_id)
    if row is None:
        _refuse(txn, command, None, RequestNotFound(f"there is no request {command.request_id!r} in this store"))
    if row.state != RequestState.OPEN or is_late(row, command.now):
        _refuse(txn, command, row, RequestClosed(f"request {row.name!r} is {row.state} or over; it is not put off"))
    known = request_by_key(txn, row.key)
    if strangers := _strangers(known, command):
        _refuse(txn, command, row, NotAuthorised(strangers))
    if wrong := _wrong_time(known, command):
        _refuse(txn, command, row, ResponseRefused(wrong))
    wake(txn, row.key)
    txn.execute(_SET, (micros(command.until), row.key))
    body: dict[str, Json] = {"digest": known.request.digest, "until": command.until.isoformat()}
    body |= {"channel": command.by.channel, "authenticated_by": command.by.authenticated_by}
    txn.note(AuditEvent.REQUEST_DEFERRED, row.name, command.by.id, command.now, body, run=row.run)
    return known


def wake(txn: Transaction, key: int) -> None:
    """Let a request be seen again, whatever it was put off until."""
    txn.execute(_CLEAR, (key,))


def _strangers(known: Settled, command: DeferRequest) -> list[Fault]:
    """Who is not asked does not put it off; whoever may refuse it may."""
    request = known.request
    said = Response.to(request, Reject(), by=command.by, at=command.now)
    return authorise(request, said, asked_now(request, known.votes, said, command.now), known.votes)


def _wrong_time(known: Settled, command: DeferRequest) -> list[Fault]:
    deadline = known.request.deadline
    if command.until <= command.now:
        return [Fault("until", f"is {command.until.isoformat()}, which is over; name a time to come")]
    if deadline is not None and command.until >= deadline:
        return [
            Fault("until", f"is not before the deadline, {deadline.isoformat()}, which stays; name an earlier time")
        ]
    return []


def _refuse(txn: Transaction, command: DeferRequest, row: RequestRow | None, error: HitlError) -> NoReturn:
    body: dict[str, Json] = {"code": error.code, "decision": "defer"}
    note = Note(AuditEvent.REQUEST_REFUSED, command.request_id, command.by.id, body)
    txn.refuse(error, note, command.now, run=None if row is None else row.run)
