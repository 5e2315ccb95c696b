"""Giving a request on: somebody else is asked from then on, about the same action."""

from __future__ import annotations

from typing import Final

from ....checks import giving_on_faults
from ....commands import RecordResponse, Settled
from ....errors import NotAuthorised, ResponseRefused
from ....protocol import AuditEvent, Delegate, Json
from ....quorum import agreements, asked_at, standing
from ..tables import RequestRow, Transaction, bodies, requests
from .deferring import wake
from .voting import not_asked

_KEEP: Final = "INSERT INTO hitl_votes (request, responder, body) VALUES (?, ?, ?)"

# From here on an answer is judged in its own transaction: who may give it can change between the two.
_MOVE: Final = "UPDATE hitl_requests SET votes = votes + 1, several = 1, audience = ? WHERE key = ?"


def refusal(known: Settled, command: RecordResponse) -> ResponseRefused | None:
    """Why the request is not given on, judged under the write lock."""
    request, response = known.request, command.response
    strangers = not_asked(known, command)
    asked = asked_at(request, known.votes, command.now)
    faults = strangers + giving_on_faults(request, response, asked, known.votes)
    if not faults:
        return None
    return NotAuthorised(faults) if strangers else ResponseRefused(faults)


def give_on(txn: Transaction, known: Settled, command: RecordResponse, row: RequestRow, body: bodies.Body) -> None:
    """Keep who gave it on to whom; it stands in the inbox of those who are asked now."""
    response, said = command.response, (*known.votes, command.response)
    now = standing(asked_at(known.request, said, command.now), agreements(said)).now
    assert now is not None
    txn.execute(_KEEP, (row.key, response.responder.id, bodies.put(txn, body, in_order=True)))
    txn.execute(_MOVE, (requests.audience(txn, now), row.key))
    wake(txn, row.key)
    _note(txn, command, row, body)


def _note(txn: Transaction, command: RecordResponse, row: RequestRow, body: bodies.Body) -> None:
    response, who = command.response, command.response.responder
    assert isinstance(response.decision, Delegate)
    text: dict[str, Json] = {"to": response.decision.to, "digest": response.digest, "response": body.digest.hex()}
    text |= {"channel": who.channel, "authenticated_by": who.authenticated_by}
    text |= {} if who.acting_for is None else {"acting_for": who.acting_for.id}
    txn.note(AuditEvent.REQUEST_DELEGATED, row.name, who.id, command.now, text, run=row.run)
