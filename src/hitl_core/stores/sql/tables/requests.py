"""Request rows: finding, inserting and moving them. Which command does what stands in the files named after acts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, Self

from ....commands import Stop
from ....errors import RecordError
from ....lifecycle import REQUEST, RequestEvent, RequestState
from ....protocol import Approvers, AuditEvent, Kind, Level, PauseRequest, Stage, micros
from ....quorum import needs_several
from . import bodies, drafts
from .assigned import note_assigned
from .identity import column, text
from .link import Rows, Taken
from .rows import RunRow, word
from .transaction import Transaction
from .view import View

SELECT: Final = """SELECT q.key, q.id, q.run, q.call, q.waits, q.state, q.votes, q.allows, q.due, q.lapse, q.why,
    q.response, q.frozen_at, q.several, q.draft{more} FROM hitl_requests q"""
_HEAD: Final = SELECT.format(more="")
_SHA256: Final = "sha256:"

LEVELS: Final = {
    Level.AUTONOMOUS: 0,
    Level.NOTIFY: 1,
    Level.CONFIRM: 2,
    Level.COLLABORATE: 3,
    Level.HUMAN_LEADS: 4,
}
"""The level of a request in its row. A number once given stays."""

_BY_NUMBER: Final = {number: level for level, number in LEVELS.items()}


def level_of(stored: int | None) -> Level | None:
    """The level that a row says; None where it says none, as an older release wrote it."""
    return None if stored is None else _BY_NUMBER.get(stored)


class RequestRow(NamedTuple):
    """The part of a request that moves. `allows`: it was decided in favour. `lapse`: what its deadline means.

    `several`: one person's answer may not be enough. `draft`: the newest version of its shared draft.
    """

    key: int
    id: bytes | str
    run: int
    call: str
    waits: int
    state: str
    votes: int
    allows: int | None
    due: int | None
    lapse: str | None
    why: str | None
    response: int | None
    frozen_at: int | None
    several: int | None
    draft: int | None

    @classmethod
    def of(cls, found: Sequence[Any]) -> Self:
        """Raises RowCorrupt for a state that does not exist."""
        row = cls._make(found)
        word(RequestState, row.state, "request", row.id)
        return row

    @property
    def name(self) -> str:
        return text(self.id)


def by_id(view: View, name: str) -> RequestRow | None:
    found = view.one(_BY_ID, column(name))
    return None if found is None else RequestRow.of(found)


def ahead_of_id(view: View, name: str) -> None:
    """This request will be asked for soon."""
    view.link.ahead(_BY_ID, (column(name),))


_BY_ID: Final = f"{_HEAD} WHERE id = ?"


def newest_at(view: View, run: int, call: str) -> RequestRow | None:
    """The newest question at a place of a run; notices are none."""
    sql = f"{_HEAD} WHERE run = ? AND call = ? AND waits = 1 ORDER BY round DESC LIMIT 1"
    found = view.one(sql, run, call)
    return None if found is None else RequestRow.of(found)


# ── inserting ────────────────────────────────────────────────────────────────────────────────────────────────

_INSERT: Final = """INSERT INTO hitl_requests
    (id, run, call, round, waits, state, votes, audience, origin, due, lapse, body, frozen_at, shown, several, level,
    room) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, zeroblob(12))"""


def check(request: PauseRequest, run: RunRow) -> bodies.Body:
    """The body of a request of this run. Raises RecordError, NotCanonical or TooLarge before anything is written."""
    if request.run_id != run.name:
        raise RecordError(f"request {request.id!r} is for run {request.run_id!r}, not for {run.name!r}")
    return bodies.pack_text(request.to_json(), what=f"request {request.id}", limit=bodies.REQUEST_LIMIT)


def insert(
    txn: Transaction, run: RunRow, request: PauseRequest, body: bodies.Body, now: datetime, stops: Iterable[Stop]
) -> bool:
    """Store a request unless its place and round are known. One that a stop covers is frozen from the start.

    Returns whether its run waits for it now.

    Raises RecordError for a notice at a round that is taken: its action would run and nobody be told.
    """
    waits = request.kind is not Kind.NOTICE
    if _is_known(txn, run, request, waits=waits):
        return False
    state = RequestState.FROZEN if waits and any(stops) else RequestState.OPEN
    try:
        key = txn.link.insert(
            _INSERT,
            (
                column(request.id),
                run.key,
                request.call,
                request.round,
                waits,
                state,
                audience(txn, _first(request.approvers)),
                _origin(txn, request),
                None if request.deadline is None else micros(request.deadline),
                None if request.deadline is None else request.on_timeout,
                bodies.put(txn, body),
                micros(now) if state is RequestState.FROZEN else None,
                packed_digest(request.digest),
                needs_several(request.approvers),
                LEVELS[request.level],
            ),
        )
    except Taken as exc:
        raise RecordError(f"a request with the id {request.id!r} exists already; give each its own") from exc
    if request.approvers.assign:
        note_assigned(txn, request.approvers.users, run.tenant, now)
    _set_timers(txn, request, key)
    _note_opened(txn, run, request, now)
    if request.draft is not None:
        drafts.begin(txn, request, key, run.key)
    return waits


_TIMER: Final = """INSERT INTO hitl_timers (due, request, event, step) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING"""


def _set_timers(txn: Transaction, request: PauseRequest, key: int) -> None:
    """A row for each time at which somebody is asked again, or others are."""
    asked = micros(request.created_at)
    reminders = enumerate(request.remind_seconds)
    rows = [(after, key, AuditEvent.REQUEST_REMINDED, step) for step, after in reminders]
    rows += [(s.after_seconds, key, AuditEvent.REQUEST_ESCALATED, n) for n, s in enumerate(request.escalation)]
    for after, *place in rows:
        txn.execute(_TIMER, (asked + round(after * 1_000_000), *place))


def packed_digest(digest: str) -> bytes | None:
    """A digest as its bytes, None for one that is not written as this release writes them."""
    try:
        packed = bytes.fromhex(digest.removeprefix(_SHA256))
    except ValueError:
        return None
    return packed if unpacked_digest(packed) == digest else None


def unpacked_digest(packed: bytes) -> str:
    return _SHA256 + packed.hex()


def ahead(txn: Transaction, run: RunRow, request: PauseRequest) -> None:
    """This request will be inserted soon."""
    txn.link.ahead(_KNOWN, (run.key, request.call, request.round))
    txn.link.ahead(_AUDIENCE, _asked(_first(request.approvers)))
    txn.link.ahead(_ORIGIN, _from(request))
    txn.link.expects("hitl_requests")


_KNOWN: Final = "SELECT waits FROM hitl_requests WHERE run = ? AND call = ? AND round = ?"
_AUDIENCE: Final = "SELECT key FROM hitl_audiences WHERE users = ? AND roles = ?"
_ORIGIN: Final = "SELECT key FROM hitl_origins WHERE tool = ? AND agents = ?"


def _first(approvers: Approvers) -> Approvers | Stage:
    """Who is asked before all others."""
    return approvers.stages[0] if approvers.stages else approvers


def _asked(asked: Approvers | Stage) -> tuple[str, str]:
    return _names(tuple(asked.users)), _names(tuple(asked.roles))


def _from(request: PauseRequest) -> tuple[str, str]:
    return request.action.tool, _names(request.action.origin.agents)


@lru_cache(1024)
def _names(names: tuple[str, ...]) -> str:
    return json.dumps(names)


def is_new(txn: Transaction, run: RunRow, request: PauseRequest) -> bool:
    """Whether nobody was asked at this place in this round before."""
    return txn.one(_KNOWN, run.key, request.call, request.round) is None


def _is_known(txn: Transaction, run: RunRow, request: PauseRequest, *, waits: bool) -> bool:
    """Whether the pause that asks this was stored before. Raises RecordError if the round is taken by another kind."""
    known = txn.one(_KNOWN, run.key, request.call, request.round)
    if known is None:
        return False
    if waits and known[0]:
        return True
    raise RecordError(
        f"round {request.round} of the call {request.call!r} is taken by another request; ask in the next"
    )


def _note_opened(txn: Transaction, run: RunRow, request: PauseRequest, now: datetime) -> None:
    event = AuditEvent.ACTION_NOTICED if request.kind is Kind.NOTICE else AuditEvent.REQUEST_OPENED
    because = request.because
    body: dict[str, Any] = {"run": run.name, "call": request.call, "digest": request.digest}
    body |= {"level": request.level, "rule": because.rule, "version": because.version}
    txn.note(event, request.id, run.owner or "", now, body, run=run.key)


def audience(txn: Transaction, asked: Approvers | Stage) -> int:
    """The key of those who are asked now; the inbox is filtered by it."""
    return interned(txn, _AUDIENCE, "INSERT INTO hitl_audiences (users, roles) VALUES (?, ?)", _asked(asked))


def _origin(txn: Transaction, request: PauseRequest) -> int:
    return interned(txn, _ORIGIN, "INSERT INTO hitl_origins (tool, agents) VALUES (?, ?)", _from(request))


def interned(txn: Transaction, select: str, insert: str, values: tuple[str, ...]) -> int:
    """The key of a row that many others share, made on its first use. Made twice at once, either will do."""
    found = txn.one(select, *values)
    return txn.link.insert(insert, values) if found is None else int(found[0])


# ── moving ───────────────────────────────────────────────────────────────────────────────────────────────────


def move(
    txn: Transaction, event: RequestEvent, where: str, *given: Any, also: str = "", values: tuple[Any, ...] = ()
) -> Rows:
    """Compare-and-set along the table of lifecycle.py; the rows that were in a state to move are changed.

    `where` selects rows with `given`; `also` sets further columns to `values`. Both are SQL written in this package.
    """
    sql, target = _statement(event, where, also)
    return txn.execute(sql, (target, *values, *given))


@cache
def _statement(event: RequestEvent, where: str, also: str) -> tuple[str, str]:
    """The statement, and the state it leads to."""
    sources = REQUEST.sources(event)
    sql = f"UPDATE hitl_requests SET state = ?, room = NULL{also} WHERE {_is_one_of(sources)} AND ({where})"  # noqa: S608
    return sql, REQUEST.advance(sources[0], event).value


def _is_one_of(states: Sequence[RequestState]) -> str:
    """SQL for the state being one of these. Of a longer list SQLite makes a table each time it is asked."""
    words = [f"'{state}'" for state in states]
    if len(words) <= 2:
        return f"state IN ({', '.join(words)})"
    return f"CASE state {' '.join(f'WHEN {word} THEN TRUE' for word in words)} ELSE FALSE END"


def withdraw(txn: Transaction, event: RequestEvent, where: str, *given: Any, why: str) -> list[str]:
    """Cancel or supersede waiting requests, whatever was decided; returns their ids, oldest first."""
    may = _is_one_of(REQUEST.sources(event))
    select = f"SELECT id FROM hitl_requests WHERE waits = 1 AND {may} AND ({where}) ORDER BY key"  # noqa: S608
    names = [text(found[0]) for found in txn.execute(select, given).fetchall()]
    if names:
        move(txn, event, f"waits = 1 AND ({where})", *given, also=", allows = 0, why = ?", values=(why,))
    return names


def consume(txn: Transaction, run: int, calls: Iterable[str]) -> None:
    """The decisions at these places have been used up."""
    for call in calls:
        move(txn, RequestEvent.CONSUME, "run = ? AND call = ?", run, call)
