"""Rows as records. A request is parsed when somebody looks at it, not when it is listed."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, Self, TypeVar

from pydantic import ValidationError

from ...commands import Effect, Lease, Settled
from ...errors import ProtocolUnknown, RowCorrupt
from ...lifecycle import ActionState, RequestState
from ...protocol import Action, EffectMode, PauseRequest, Response, Run, RunState, TopRecord, instant
from .bodies import checked, decode, get, unpack
from .identity import text
from .view import View

# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────

RUN: Final = """SELECT r.key, r.id, r.state, a.backend, a.app, a.version, a.tenant, r.thread, r.started_by, r.created,
    r.updated, r.attempts, r.turns, r.fence, r.owner, r.until, r.input, r.checkpoint, r.output, r.error, r.more
    FROM hitl_runs r JOIN hitl_apps a ON a.key = r.app"""


class RunRow(NamedTuple):
    """A run as stored; `input`, `checkpoint` and `output` are keys of bodies."""

    key: int
    id: bytes | str
    state: str
    backend: str
    app: str
    app_version: str
    tenant: str
    thread: bytes | str
    started_by: str | None
    created: int
    updated: int
    attempts: int
    turns: int
    fence: int
    owner: str | None
    until: int | None
    input: int | None
    checkpoint: int | None
    output: int | None
    error: str | None
    more: str | None

    @property
    def name(self) -> str:
        return text(self.id)

    @property
    def lease(self) -> Lease:
        return Lease(self.name, self.owner or "", self.fence, instant(self.until or 0))


def run_record(view: View, row: RunRow, pending: tuple[PauseRequest, ...] = ()) -> Run:
    """The Run of a row. Raises RowCorrupt."""
    return Run(
        id=row.name,
        state=RunState(row.state),
        backend=row.backend,
        app=row.app,
        app_version=row.app_version,
        thread=text(row.thread),
        tenant=row.tenant,
        started_by=row.started_by,
        input=get(view, row.input, what=f"input of run {row.name}"),
        output=get(view, row.output, what=f"output of run {row.name}"),
        error=row.error or "",
        attempts=row.attempts,
        created_at=instant(row.created),
        updated_at=instant(row.updated),
        pending=pending,
        **(json.loads(row.more) if row.more else {}),
    )


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

# The state as bytes: text that is not UTF-8 any more would fail the page, not its one row.
SETTLED: Final = """SELECT q.key, q.id, CAST(q.state AS BLOB), q.votes, b.digest, b.data, p.digest, p.data
    FROM hitl_requests q LEFT JOIN hitl_bodies b ON b.key = q.body LEFT JOIN hitl_bodies p ON p.key = q.response"""

_VOTES: Final = """SELECT b.digest, b.data FROM hitl_votes v LEFT JOIN hitl_bodies b ON b.key = v.body
    WHERE v.request = ? ORDER BY v.body"""


R = TypeVar("R", bound=TopRecord)


class StoredRequest(Settled):
    """A Settled whose records are parsed on first use: an inbox page checks 50 digests but may show one request."""

    __slots__ = ("_request_data", "_response_data")

    @classmethod
    def of(cls, request: bytes, response: bytes | None, state: RequestState, votes: tuple[Response, ...]) -> Self:
        """From stored bytes whose digests were checked."""
        made = object.__new__(cls)
        fill = object.__setattr__
        fill(made, "_request_data", request)
        fill(made, "_response_data", response)
        fill(made, "state", state)
        fill(made, "votes", votes)
        return made

    def __getattr__(self, name: str) -> Any:
        # Only an empty slot gets here; filling it makes this the last time.
        if name == "request":
            value: Any = _parsed(PauseRequest, self._request_data)
        elif name == "response":
            value = None if self._response_data is None else _parsed(Response, self._response_data)
        else:
            raise AttributeError(name)
        object.__setattr__(self, name, value)
        return value


def _parsed(record: type[R], data: bytes) -> R:
    """Raises ProtocolUnknown; the bytes are as we stored them, so it is the reader that is too old or too new."""
    try:
        return record.model_validate_json(unpack(data))
    except ValidationError as exc:
        what = record.__name__
        raise ProtocolUnknown(f"this {what} was written by a release that this one does not read: {exc}") from exc


def settled(view: View, row: tuple[Any, ...]) -> Settled:
    """The Settled of a SETTLED row. Raises RowCorrupt, naming the request."""
    key, name, state, votes, digest, data, answer_digest, answer = row
    what = f"request {text(name)}"
    request = checked(digest, data, what=what)
    response = None if answer is None else checked(answer_digest, answer, what=f"response to {what}")
    given = _votes(view, key, what) if votes else ()
    return StoredRequest.of(request, response, _state(state, what), given)


def _state(stored: bytes, what: str) -> RequestState:
    try:
        return RequestState(stored.decode())
    except ValueError as exc:
        raise RowCorrupt(f"the state of {what} is {stored!r}, which is none; it is not used") from exc


def _votes(view: View, key: int, what: str) -> tuple[Response, ...]:
    rows = view.execute(_VOTES, (key,)).fetchall()
    return tuple(_parsed(Response, checked(*row, what=f"vote on {what}")) for row in rows)


def readable(view: View, rows: list[tuple[Any, ...]]) -> list[Settled]:
    """The requests of SETTLED rows, without those that are damaged: one bad row must not hide the others."""
    found = []
    for row in rows:
        try:
            found.append(settled(view, row))
        except RowCorrupt as exc:
            view.skip("request", text(row[1]), exc)
    return found


def pending(view: View, run: int) -> tuple[PauseRequest, ...]:
    """The open requests of a run, oldest first; notices are not waited for."""
    sql = f"{SETTLED} WHERE q.run = ? AND q.state = 'open' AND q.waits = 1 ORDER BY q.key"
    return tuple(each.request for each in readable(view, view.execute(sql, (run,)).fetchall()))


# ── effects ──────────────────────────────────────────────────────────────────────────────────────────────────

EFFECT: Final = """SELECT e.key, e.call, e.state, e.mode, e.attempts, e.fence, q.id, e.error, e.action, e.result,
    a.digest, a.data, b.digest, b.data
    FROM hitl_effects e LEFT JOIN hitl_requests q ON q.key = e.request
    LEFT JOIN hitl_bodies a ON a.key = e.action LEFT JOIN hitl_bodies b ON b.key = e.result"""


class EffectRow(NamedTuple):
    """An effect as stored; `action` and `result` are keys of bodies, followed by those bodies."""

    key: int
    call: str
    state: str
    mode: str
    attempts: int
    fence: int
    request: bytes | str | None
    error: str | None
    action: int
    result: int | None
    action_digest: bytes
    action_data: bytes
    result_digest: bytes | None
    result_data: bytes | None

    def action_record(self) -> Action:
        data = checked(self.action_digest, self.action_data, what=f"action of call {self.call}")
        return Action.model_validate_json(unpack(data))

    def record(self) -> Effect:
        """The Effect of this row. Raises RowCorrupt."""
        result = None
        if self.result_data is not None and self.result_digest is not None:
            result = decode(self.result_digest, self.result_data, what=f"result of call {self.call}")
        return Effect(
            call=self.call,
            action=self.action_record(),
            state=ActionState(self.state),
            mode=EffectMode(self.mode),
            attempts=self.attempts,
            fence=self.fence,
            request_id=None if self.request is None else text(self.request),
            result=result,
            error=self.error or "",
        )
