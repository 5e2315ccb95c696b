"""Commands about requests: deciding, withdrawing, expiring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..lifecycle import RequestEvent
from ..protocol import (
    Responder,
    Response,
)
from .kinds import Command
from .results import Recorded, Settled


@dataclass(frozen=True, slots=True)
class RecordResponse(Command[Recorded]):
    """Decide a request by compare-and-set; the run becomes ready when nothing in it is open any more.

    The same answer again (same idempotency key and decision, or same responder and decision) is replayed.
    Raises RequestNotFound, AlreadyDecided (naming the winner), RequestClosed or RequestExpired; what is
    refused is audited. A `Cancel` decision cancels the run in the same transaction. With `event` REFUSE a
    rejection or cancellation is taken under a stop too; with VETO the request becomes vetoed.

    Where several people have to agree, an answer is kept as a vote and the request stays open until enough of them
    agree (`quorum.py`); a vote for something else drops those before it. Raises NotAuthorised for somebody who is not
    asked at this stage, or who let a call run that is kept apart from this one. `untold`: as in PauseRun, where it
    is given on.
    """

    response: Response
    now: datetime
    event: RequestEvent = RequestEvent.DECIDE
    untold: datetime | None = None


@dataclass(frozen=True, slots=True)
class MoveRequest(Command[Settled]):
    """Cancel, revoke, supersede, freeze or thaw one request. Raises RequestNotFound or IllegalMove."""

    request_id: str
    event: RequestEvent
    by: str
    reason: str
    now: datetime
    authenticated_by: str = "assertion"


@dataclass(frozen=True, slots=True)
class DeferRequest(Command[Settled]):
    """Put an open request off until a time: it is not in the inbox until then. Its deadline stays.

    Raises RequestNotFound, RequestClosed, NotAuthorised for somebody who is not asked, or ResponseRefused for a time
    that is over or not before the deadline; what is refused is audited.
    """

    request_id: str
    until: datetime
    by: Responder
    now: datetime


@dataclass(frozen=True, slots=True)
class FireTimers(Command[tuple[Settled, ...]]):
    """Fire up to `limit` deadlines that have passed: each request expires once, and its run may become ready.

    Of those that stay open, the same people are reminded, others are asked, and what was put off is in the inbox again,
    each when its time has come; they come back after the expired ones. `untold`: as in PauseRun, for these.
    """

    now: datetime
    limit: int = 500
    untold: datetime | None = None
