"""Decisions: the first valid answer wins by compare-and-set; everybody else is told who won, and that is recorded."""

from __future__ import annotations

import json
from typing import Final, NamedTuple, NoReturn

from ....commands import MoveRequest, Note, Recorded, RecordResponse, Settled
from ....errors import (
    AlreadyDecided,
    Fault,
    HitlError,
    NotAuthorised,
    RequestClosed,
    RequestExpired,
    RequestNotFound,
    ResponseRefused,
)
from ....lifecycle import REQUEST, IllegalMove, RequestEvent, RequestState
from ....protocol import (
    NOT_HAPPENED,
    Accept,
    Approve,
    AuditEvent,
    Cancel,
    Choose,
    Delegate,
    Edit,
    Json,
    Reject,
    Report,
    Response,
    RunState,
    canonical,
    instant,
    sha256,
)
from ....quorum import SETTLES_ALONE
from ..commands import by_key, cancel, freeze, is_late, slips, thaw, wake, wake_if_settled
from ..tables import (
    RequestRow,
    StoredRequest,
    Transaction,
    bodies,
    checked,
    column,
    request_by_key,
    requests,
    unpack,
    votes_on,
)
from .delegating import give_on, refusal
from .drafts import outdated
from .voting import Count, counted, drop_votes, keep_vote, not_asked


def record_response(txn: Transaction, command: RecordResponse) -> Recorded:
    response = command.response
    _must_fit(command)
    body = bodies.pack_text(response.to_json(), what="response", limit=bodies.REQUEST_LIMIT)
    found = txn.one(ASKED, column(response.request_id))
    if found is None:
        unknown = RequestNotFound(f"there is no request {response.request_id!r} in this store")
        _refuse(txn, command, None, unknown)
    row, (run_state, woken, last, digest, data, shown) = RequestRow.of(found[:-6]), found[-6:]
    run_state = RunState.READY if woken else run_state
    replayed = _replayed(txn, row, response, run_state)
    if replayed is not None:
        return replayed
    _must_be_open(txn, command, row)
    asked = _Asked(checked(digest, data, what="request", of=row.id), run_state, bool(last))
    _must_be_shown(txn, command, row, shown, asked.data)
    if isinstance(response.decision, Delegate):
        return _give_on(txn, command, row, body, run_state)
    if (moved := outdated(txn, row, response)) is not None:
        _refuse(txn, command, row, moved)
    if not row.several:
        return _decide(txn, command, row, body, asked)
    if isinstance(response.decision, SETTLES_ALONE):
        _must_be_asked(txn, command, row)
        return _decide(txn, command, row, body, asked)
    return _vote(txn, command, row, body, asked)


def _must_fit(command: RecordResponse) -> None:
    """Raises IllegalMove for an event that is not one of answers, or not one of this answer."""
    if command.event not in (RequestEvent.DECIDE, RequestEvent.REFUSE, RequestEvent.VETO):
        raise IllegalMove(f"a response cannot {command.event} a request; it can decide, refuse or veto one")
    decision = command.response.decision
    if command.event is not RequestEvent.DECIDE and not isinstance(decision, Reject | Cancel):
        raise IllegalMove(f"{decision.type!r} cannot {command.event} a request; only a rejection or a cancellation can")


_LAST: Final = """NOT EXISTS (SELECT 1 FROM hitl_requests o WHERE o.run = q.run AND o.key <> q.key AND o.waits = 1
    AND o.state IN ('open', 'frozen'))"""

ASKED: Final = (
    requests.SELECT.format(more=f", r.state, w.run, {_LAST}, b.digest, b.data, q.shown")
    + """ JOIN hitl_runs r ON r.key = q.run LEFT JOIN hitl_woken w ON w.app = r.app AND w.run = r.key
    LEFT JOIN hitl_bodies b ON b.key = q.body WHERE q.id = ?"""
)
"""A request as an answer finds it: its row, the state of its run, whether nothing else in it waits, what it shows."""


class _Asked(NamedTuple):
    """What an answer is about: the request as it was stored, its run, and whether that waits for nothing else."""

    data: bytes
    run_state: str
    last: bool


# ── who was first ────────────────────────────────────────────────────────────────────────────────────────────


def _replayed(txn: Transaction, row: RequestRow, response: Response, run_state: str) -> Recorded | None:
    """The recorded result, if the same answer was recorded before."""
    if row.response is None and not row.votes:
        return None
    known = request_by_key(txn, row.key)
    earlier = [*known.votes, *([known.response] if known.response else [])]
    if not any(_same(each, response) for each in earlier):
        return None
    return Recorded(known, RunState(run_state), replayed=True)


def _same(one: Response, other: Response) -> bool:
    by_key = one.idempotency_key is not None and one.idempotency_key == other.idempotency_key
    if not by_key and one.responder.id != other.responder.id:
        return False
    # As bytes, because True == 1 in Python: an edit to 1 is not an edit to true.
    return _bytes(one) == _bytes(other)


def _bytes(response: Response) -> bytes:
    return canonical(response.decision.model_dump(mode="json"), what="decision")


def _must_be_open(txn: Transaction, command: RecordResponse, row: RequestRow) -> None:
    takes = REQUEST.sources(command.event)
    error = None if RequestState(row.state) in takes else _closed(txn, row)
    if error is None and is_late(row, command.now):
        error = _late(row)
    if error is not None:
        _refuse(txn, command, row, error)


def _must_be_shown(
    txn: Transaction, command: RecordResponse, row: RequestRow, digest: bytes | None, asked: bytes
) -> None:
    """The answer is about the action that stands in the request; judged here too, whoever has judged it before.

    What the row says of it can only let an answer through that says the same; else the request itself is read.
    """
    if digest is not None and requests.unpacked_digest(digest) == command.response.digest:
        return
    shown = json.loads(unpack(asked))["digest"]
    if command.response.digest != shown:
        fault = Fault(
            "digest", f"is {command.response.digest!r}, but request {row.name!r} shows {shown!r}; show it again"
        )
        _refuse(txn, command, row, ResponseRefused([fault]))


def _closed(txn: Transaction, row: RequestRow) -> HitlError:
    """Why a request that is not open takes no answer."""
    match RequestState(row.state):
        case RequestState.FROZEN:
            until = "until then it takes a refusal or a cancellation and nothing else"
            return RequestClosed(f"frozen by a stop: request {row.name!r} is open again when it is lifted; {until}")
        case RequestState.DECIDED | RequestState.CONSUMED | RequestState.CLOSED | RequestState.VETOED if row.response:
            return _taken(request_by_key(txn, row.key))
        case RequestState.DECIDED | RequestState.CONSUMED | RequestState.CLOSED | RequestState.EXPIRED:
            return _late(row)
        case state:
            return RequestClosed(f"request {row.name!r} is {state}" + (f": {row.why}" if row.why else ""))


def _taken(known: Settled) -> AlreadyDecided:
    winner = known.response
    assert winner is not None
    return AlreadyDecided(
        f"{winner.responder.id!r} was first and said {winner.decision.type!r} at {winner.decided_at.isoformat()}; "
        f"request {known.request.id!r} is {known.state} and this answer had no effect"
    )


def _late(row: RequestRow) -> RequestExpired:
    when = "" if row.due is None else f" at {instant(row.due).isoformat()}"
    return RequestExpired(f"the deadline of request {row.name!r} passed{when}; what it declared ({row.lapse}) applies")


def _refuse(txn: Transaction, command: RecordResponse, row: RequestRow | None, error: HitlError) -> NoReturn:
    response = command.response
    body: dict[str, Json] = {"code": error.code, "decision": response.decision.type, "digest": response.digest}
    note = Note(AuditEvent.REQUEST_REFUSED, response.request_id, response.responder.id, body)
    txn.refuse(error, note, command.now, run=None if row is None else row.run)


# ── recording ────────────────────────────────────────────────────────────────────────────────────────────────


def _must_be_asked(txn: Transaction, command: RecordResponse, row: RequestRow) -> None:
    """One who refuses for all of them has to be one of them, also if that has changed a moment ago."""
    if faults := not_asked(request_by_key(txn, row.key), command):
        _refuse(txn, command, row, NotAuthorised(faults))


def _give_on(txn: Transaction, command: RecordResponse, row: RequestRow, body: bodies.Body, run_state: str) -> Recorded:
    """Let somebody else decide: the request stays open and shows the same action."""
    known = request_by_key(txn, row.key)
    if (error := refusal(known, command)) is not None:
        _refuse(txn, command, row, error)
    give_on(txn, known, command, row, body)
    slips.untold(txn, known.request.id, command.untold, command.now)
    return Recorded(request_by_key(txn, row.key), RunState(run_state))


def _vote(txn: Transaction, command: RecordResponse, row: RequestRow, body: bodies.Body, asked: _Asked) -> Recorded:
    """Count an answer that needs others beside it. The last one that is needed decides."""
    known = request_by_key(txn, row.key)
    count = counted(txn, known, command)
    if count.voted:
        voter = command.response.responder.id
        _refuse(txn, command, row, AlreadyDecided(f"{voter!r} has voted for this on request {row.name!r} before"))
    if count.faults:
        _refuse(txn, command, row, NotAuthorised(count.faults))
    drop_votes(txn, row.key, count)
    if count.standing.now is None:
        return _decide(txn, command, row, body, asked, count)
    keep_vote(txn, row.key, command.response.responder.id, bodies.put(txn, body, in_order=True), count)
    _note(txn, command, row, body, run=row.run, count=count)
    return Recorded(request_by_key(txn, row.key), RunState(asked.run_state))


def _decide(
    txn: Transaction,
    command: RecordResponse,
    row: RequestRow,
    body: bodies.Body,
    asked: _Asked,
    count: Count | None = None,
) -> Recorded:
    """Record the answer; the row was seen open under the write lock, so nobody can come in between."""
    also = ", response = ?, allows = ?, line = ?"
    values = (bodies.put(txn, body), _allows(txn, command, row), txn.reference)
    requests.move(txn, command.event, "key = ?", row.key, also=also, values=values)
    _note(txn, command, row, body, count=count)
    if isinstance(command.response.decision, Report):
        _note_reported(txn, command, row, command.response.decision)
    if isinstance(command.response.decision, Cancel) and row.waits:
        return _cancel_run(txn, command, row)
    if ready := asked.run_state == RunState.PAUSED and asked.last:
        wake(txn, row.run, command.now)
    target = REQUEST.advance(RequestState.OPEN, command.event)
    votes = votes_on(txn, row.key, row.id) if row.votes or count else ()
    settled = StoredRequest.of(asked.data, body.data, target, votes, recorded_at=command.now)
    return Recorded(settled, RunState.READY if ready else RunState(asked.run_state))


def _allows(txn: Transaction, command: RecordResponse, row: RequestRow) -> bool:
    """Whether this decision lets the action begin."""
    if command.event is RequestEvent.VETO:
        return False
    match command.response.decision:
        case Approve() | Accept() | Edit():
            return True
        case Choose(option=option) if option == NOT_HAPPENED.id:
            return request_by_key(txn, row.key).request.in_doubt
        case _:
            return False


def _cancel_run(txn: Transaction, command: RecordResponse, row: RequestRow) -> Recorded:
    """The decision to cancel is used up here and now; everything else that waits in the run is cancelled."""
    requests.move(txn, RequestEvent.CONSUME, "key = ?", row.key)
    run = by_key(txn, row.run)
    decision = command.response.decision
    assert isinstance(decision, Cancel)
    cancelled = cancel(txn, run, command.response.responder.id, decision.reason, command.now)
    return Recorded(request_by_key(txn, row.key), RunState(cancelled.state))


def _note(
    txn: Transaction,
    command: RecordResponse,
    row: RequestRow,
    body: bodies.Body,
    *,
    run: int | None = None,
    count: Count | None = None,
) -> None:
    """A vote's line is found by its run; the decision's by its request, which holds its number."""
    response, who = command.response, command.response.responder
    text: dict[str, Json] = {"decision": response.decision.type, "digest": response.digest}
    text |= {"response": body.digest.hex(), "channel": who.channel, "authenticated_by": who.authenticated_by}
    text |= {} if who.acting_for is None else {"acting_for": who.acting_for.id}
    text |= {} if response.batch is None else {"batch": response.batch}
    text |= {} if count is None else count.told(open=run is not None)
    txn.note(AuditEvent.REQUEST_DECIDED, row.name, who.id, command.now, text, run=run)


def _note_reported(txn: Transaction, command: RecordResponse, row: RequestRow, said: Report) -> None:
    """What a person did in the place of a tool is a line of its own, beside those about effects."""
    told: dict[str, Json] = {"call": row.call, "outcome": said.outcome, "digest": command.response.digest}
    told["result"] = sha256(canonical(said.result, what="result"))
    txn.note(AuditEvent.ACTION_REPORTED, row.name, command.response.responder.id, command.now, told, run=row.run)


# ── moving by hand ───────────────────────────────────────────────────────────────────────────────────────────

_MOVES: Final = {
    RequestEvent.CANCEL: AuditEvent.REQUEST_CLOSED,
    RequestEvent.REVOKE: AuditEvent.REQUEST_CLOSED,
    RequestEvent.SUPERSEDE: AuditEvent.REQUEST_CLOSED,
    RequestEvent.FREEZE: AuditEvent.STOP_SET,
    RequestEvent.THAW: AuditEvent.STOP_LIFTED,
}
"""What MoveRequest can do; the rest happens by deciding, by a deadline, or by use."""


def move_request(txn: Transaction, command: MoveRequest) -> Settled:
    row = requests.by_id(txn, command.request_id)
    if row is None:
        raise RequestNotFound(f"there is no request {command.request_id!r} in this store")
    if command.event not in _MOVES:
        raise IllegalMove(f"a request cannot be moved by {command.event}; possible: {', '.join(sorted(_MOVES))}")
    state = REQUEST.advance(RequestState(row.state), command.event)
    why = None if command.event is RequestEvent.THAW else f"{command.event} by {command.by}: {command.reason}"
    _move_by_hand(txn, command, row, why)
    body: dict[str, Json] = {"state": state, "why": command.reason, "authenticated_by": command.authenticated_by}
    txn.note(_MOVES[command.event], row.name, command.by, command.now, body, run=row.run)
    wake_if_settled(txn, row.run, command.now)
    return request_by_key(txn, row.key)


def _move_by_hand(txn: Transaction, command: MoveRequest, row: RequestRow, why: str | None) -> None:
    match command.event:
        case RequestEvent.FREEZE:
            freeze(txn, "key = ?", row.key, now=command.now, why=why)
        case RequestEvent.THAW:
            thaw(txn, "key = ?", row.key, now=command.now)
        case _:
            requests.move(txn, command.event, "key = ?", row.key, also=", why = ?, allows = 0", values=(why,))
