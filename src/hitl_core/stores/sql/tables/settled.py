"""Requests as records: handed out when it is known that they can be parsed, and parsed when somebody looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self, TypeVar

from pydantic import ValidationError

from ....commands import Settled
from ....errors import ProtocolUnknown, RowCorrupt
from ....lifecycle import RequestState
from ....protocol import PauseRequest, Response, TopRecord, instant
from .bodies import checked, digest_of, unpack
from .identity import column, text
from .rows import illegible, word
from .view import View

R = TypeVar("R", bound=TopRecord)

# The state as bytes: text that is not UTF-8 any more would fail the page, not its one row.
SETTLED: Final = """SELECT q.key, q.id, CAST(q.state AS BLOB), q.votes, b.digest, b.data, p.digest, p.data, l.at
    FROM hitl_requests q LEFT JOIN hitl_bodies b ON b.key = q.body LEFT JOIN hitl_bodies p ON p.key = q.response
    LEFT JOIN hitl_audit l ON l.rowid = q.line"""

BY_KEY: Final = f"{SETTLED} WHERE q.key = ?"
_BY_ID: Final = f"{SETTLED} WHERE q.id = ?"
_NEWEST: Final = f"""{SETTLED} WHERE q.key = (SELECT k.key FROM hitl_requests k
    WHERE k.run = (SELECT key FROM hitl_runs WHERE id = ?) AND k.call = ? AND k.waits = 1
    ORDER BY k.round DESC LIMIT 1)"""  # noqa: S608

_VOTES: Final = """SELECT b.digest, b.data FROM hitl_votes v LEFT JOIN hitl_bodies b ON b.key = v.body
    WHERE v.request = ? ORDER BY v.body"""


_AS_THEY_ARE: Final = {"state": 2, "votes": 3, "recorded_at": 4}


class StoredRequest(Settled):
    """A Settled whose fields are made on first use: an inbox page checks 50 digests but may show one request."""

    __slots__ = ("_stored",)

    @classmethod
    def of(
        cls,
        request: bytes,
        response: bytes | None,
        state: RequestState,
        votes: tuple[Response, ...],
        *,
        recorded_at: datetime | None = None,
        parsed: PauseRequest | None = None,
    ) -> Self:
        """From stored bytes whose digests were checked; `parsed` is the request if it is at hand already."""
        made = object.__new__(cls)
        object.__setattr__(made, "_stored", (request, response, state, votes, recorded_at))
        if parsed is not None:
            object.__setattr__(made, "request", parsed)
        return made

    def __eq__(self, other: object) -> bool:
        """Equal to any Settled that says the same."""
        if not isinstance(other, Settled):
            return NotImplemented
        names = ("state", "request", "response", "votes")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = Settled.__hash__

    def __getattr__(self, name: str) -> Any:
        # Only an empty slot gets here; filling it makes this the last time.
        if name == "request":
            value: Any = _parsed(PauseRequest, self._stored[0])
        elif name == "response":
            data = self._stored[1]
            value = None if data is None else _parsed(Response, data)
        elif name in _AS_THEY_ARE:
            value = self._stored[_AS_THEY_ARE[name]]
        else:
            raise AttributeError(name)
        object.__setattr__(self, name, value)
        return value


class Understood:
    """Which stored records were parsed before. A request that cannot be must not fail whoever lists it, and one that
    can be is not parsed anew for every page that it stands on.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._known: set[tuple[type[TopRecord], bytes]] = set()

    def check(self, record: type[R], digest: bytes, data: bytes) -> R | None:
        """The record if it had to be parsed to know. Raises ProtocolUnknown."""
        if (record, digest) in self._known:
            return None
        made = _parsed(record, data)
        if len(self._known) >= self._most:
            self._known.clear()
        self._known.add((record, digest))
        return made


_UNDERSTOOD: Final = Understood()


def _parsed(record: type[R], data: bytes) -> R:
    """Raises ProtocolUnknown; the bytes are as we stored them, so it is the reader that is too old or too new."""
    try:
        return record.model_validate_json(unpack(data))
    except ValidationError as exc:
        what = record.__name__
        raise ProtocolUnknown(f"this {what} was written by a release that this one does not read: {exc}") from exc


def settled(view: View, row: tuple[Any, ...]) -> Settled:
    """The Settled of a SETTLED row. Raises RowCorrupt, naming the request, or ProtocolUnknown."""
    key, name, state, votes, digest, data, answer_digest, answer, at = row
    request = checked(digest, data, what="request", of=name)
    response = None if answer is None else checked(answer_digest, answer, what="response to request", of=name)
    parsed = _UNDERSTOOD.check(PauseRequest, digest, request)
    if response is not None:
        _UNDERSTOOD.check(Response, answer_digest, response)
    stands = word(RequestState, state.decode(errors="replace"), "request", name)
    said = votes_on(view, key, name) if votes else ()
    try:
        recorded_at = None if answer is None or at is None else instant(at)
    except (TypeError, OverflowError) as exc:
        raise illegible("the line about request", name, exc) from exc
    return StoredRequest.of(request, response, stands, said, recorded_at=recorded_at, parsed=parsed)


def request_by_key(view: View, key: int) -> Settled:
    """The request with its state and response. Raises RowCorrupt."""
    row = view.one(BY_KEY, key)
    assert row is not None
    return settled(view, row)


def request_by_id(view: View, name: str) -> Settled | None:
    """The same by its id, if there is one. Raises RowCorrupt."""
    row = view.one(_BY_ID, column(name))
    return None if row is None else settled(view, row)


def newest_request(view: View, run: str, call: str) -> Settled | None:
    """The newest question at a place of a run; notices are none. Raises RowCorrupt."""
    row = view.one(_NEWEST, column(run), call)
    return None if row is None else settled(view, row)


def ahead_of_newest(view: View, run: str, call: str) -> None:
    """It will be asked for soon."""
    view.link.ahead(_NEWEST, (column(run), call))


def votes_on(view: View, key: int, name: bytes | str) -> tuple[Response, ...]:
    """The votes on a request, in the order in which they came. Raises RowCorrupt."""
    rows = view.execute(_VOTES, (key,)).fetchall()
    return tuple(_parsed(Response, checked(*row, what="vote on request", of=name)) for row in rows)


def readable(view: View, rows: list[tuple[Any, ...]]) -> list[Settled]:
    """The requests of SETTLED rows, without those that are damaged or that another release wrote for itself.

    One bad row must not hide the others.
    """
    found = []
    for row in rows:
        try:
            found.append(settled(view, row))
        except RowCorrupt as exc:
            view.skip("request", text(row[1]), exc)
        except ProtocolUnknown as exc:
            view.pass_over("request", text(row[1]), exc)
    return found


OPEN: Final = "SELECT q.key, q.votes, b.digest, b.data"
"""What `open_ones` needs of a request that is known to be open."""


def open_ones(
    view: View, rows: list[tuple[Any, ...]], asked: Mapping[bytes, PauseRequest] | None = None
) -> list[Settled]:
    """The same as `readable` for the page that is asked for most: no response, no other state, hardly any votes.

    `asked` are requests that this transaction has stored, by the digests of their bodies: they are not read again.
    """
    found: list[Settled] = []
    for key, votes, digest, data in rows:
        if asked and digest in asked and not votes:
            sound: Settled | None = StoredRequest.of(data, None, RequestState.OPEN, (), parsed=asked[digest])
        else:
            sound = None if votes else _sound(digest, data)
        if sound is None:
            found += readable(view, view.execute(f"{SETTLED} WHERE q.key = ?", (key,)).fetchall())
        else:
            found.append(sound)
    return found


def _sound(digest: bytes | None, data: bytes | None) -> Settled | None:
    """A stored request that is open, None if it is damaged or of another release."""
    if data is None or digest is None or digest_of(data) != digest:
        return None
    try:
        parsed = _UNDERSTOOD.check(PauseRequest, digest, data)
    except ProtocolUnknown:
        return None
    return StoredRequest.of(data, None, RequestState.OPEN, (), parsed=parsed)


def pending(view: View, run: int, asked: Mapping[bytes, PauseRequest] | None = None) -> tuple[PauseRequest, ...]:
    """The open requests of a run, oldest first; notices are not waited for.

    `asked` are requests that this transaction has stored, by the digests of their bodies: they are not parsed again.
    """
    rows = view.execute(_PENDING, (run,)).fetchall()
    return tuple(each.request for each in open_ones(view, rows, asked))


def ahead_of_pending(view: View, run: int) -> None:
    """The open requests of a run will be asked for soon."""
    view.link.ahead(_PENDING, (run,))


_PENDING: Final = f"""{OPEN} FROM hitl_requests q LEFT JOIN hitl_bodies b ON b.key = q.body
    WHERE q.run = ? AND q.state = 'open' AND q.waits = 1 ORDER BY q.key"""
