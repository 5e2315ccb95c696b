"""Erasing a person: one pseudonym in their place, in every run and in the trail, in one transaction or not at all.

First everything that names them is looked for. While any of it is not over, nothing is changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from pydantic import ValidationError

from ....audit import inside
from ....commands import ErasedPerson, ErasePerson
from ....errors import Fault, PersonNotErasable, PersonNotFound, RowCorrupt
from ....protocol import (
    AuditEvent,
    Comment,
    DraftVersion,
    Grant,
    Guidance,
    Json,
    PauseRequest,
    Record,
    Response,
    RunState,
    Said,
    micros,
)
from ..commands import in_force
from ..tables import Stranger, Transaction, apart, bodies, checked, emptied, text, unpack
from . import slips
from .slips import Change

MOST_FAULTS: Final = 50
"""How much of what stands in the way is listed."""


class Place(NamedTuple):
    """Bodies of one kind of record: rows of `rows` give a body, the run that it belongs to, and how that stands."""

    rows: str
    record: type[Record]
    change: Callable[[Stranger, Any], Record]


_OF_RUN: Final = "r.id, r.state FROM hitl_requests q JOIN hitl_runs r ON r.key = q.run"

_PLACES: Final = (
    Place(f"SELECT q.body, {_OF_RUN}", PauseRequest, Stranger.request),
    Place(f"SELECT q.response, {_OF_RUN} WHERE q.response IS NOT NULL", Response, Stranger.response),
    Place(f"SELECT v.body, {_OF_RUN} JOIN hitl_votes v ON v.request = q.key", Response, Stranger.response),
    Place(f"SELECT d.body, {_OF_RUN} JOIN hitl_drafts d ON d.draft = q.id", DraftVersion, Stranger.draft),
    Place(
        "SELECT g.body, r.id, r.state FROM hitl_guidance g JOIN hitl_runs r ON r.key = g.run",
        Guidance,
        Stranger.guidance,
    ),
    Place(f"SELECT c.body, {_OF_RUN} JOIN hitl_comments c ON c.request = q.key", Comment, Stranger.comment),
    Place("SELECT s.body, r.id, r.state FROM hitl_said s JOIN hitl_runs r ON r.key = s.run", Said, Stranger.said),
    Place("SELECT g.body, NULL, 'completed' FROM hitl_grants g", Grant, Stranger.grant),
)


class Column(NamedTuple):
    """A column that can name people: rows of `rows` give its row, its value, the run and how that stands.

    `handle` is the column by which the row is found again.
    """

    table: str
    name: str
    rows: str
    change: Callable[[Stranger, str], str]
    handle: str = "key"


_REQUEST: Final = "hitl_requests q JOIN hitl_runs r ON r.key = q.run"

_ASSIGNED: Final = "t.person, t.person, NULL, 'completed' FROM hitl_assigned t"

_COLUMNS: Final = (
    Column("hitl_runs", "started_by", "t.key, t.started_by, t.id, t.state FROM hitl_runs t", Stranger.called),
    Column("hitl_runs", "error", "t.key, t.error, t.id, t.state FROM hitl_runs t", Stranger.because),
    Column("hitl_runs", "more", "t.key, t.more, t.id, t.state FROM hitl_runs t", Stranger.marks),
    Column("hitl_requests", "why", f"q.key, q.why, r.id, r.state FROM {_REQUEST}", Stranger.because),
    Column(
        "hitl_votes",
        "responder",
        f"t.body, t.responder, r.id, r.state FROM {_REQUEST} JOIN hitl_votes t ON t.request = q.key",
        Stranger.called,
        "body",
    ),
    Column(
        "hitl_effects",
        "error",
        "t.key, t.error, r.id, r.state FROM hitl_effects t JOIN hitl_runs r ON r.key = t.run",
        Stranger.words,
    ),
    Column("hitl_grants", "revoked_by", "t.key, t.revoked_by, NULL, 'completed' FROM hitl_grants t", Stranger.called),
    Column("hitl_assigned", "person", _ASSIGNED, Stranger.called, "person"),
    Column(
        "hitl_audiences", "users", "t.key, t.users, NULL, 'completed' FROM hitl_audiences t", Stranger.list_of_users
    ),
)


def erase_person(txn: Transaction, command: ErasePerson) -> ErasedPerson:
    stranger = Stranger(command.person, f"erased-person-{secrets.token_hex(4)}")
    found = Found()
    for look in (_in_bodies, _in_columns, _in_overrides, _in_undos, _in_slips):
        look(txn, stranger, found)
    faults = [*_stops(txn, stranger), *_grants(txn, stranger, command.now), *_runs(found)]
    if faults:
        raise PersonNotErasable([*faults[:MOST_FAULTS], *_and_more(len(faults))])
    return _erase(txn, stranger, command, found.changes)


class Found:
    """What is to be changed, and the runs that are not over and name the person."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.at_work: dict[str, str] = {}

    def add(self, run: bytes | str | None, state: str, change: Change) -> None:
        if run is not None and not RunState(state).over:
            self.at_work[text(run)] = state
        self.changes.append(change)


def _erase(txn: Transaction, stranger: Stranger, command: ErasePerson, changes: list[Change]) -> ErasedPerson:
    txn.erases = True
    for sql, given in changes:
        txn.execute(sql, given)
    values = apart.erase_where(txn, lambda line, value, of: _instead(stranger, value, of), stranger.id)
    left = _inside(txn, stranger)
    if not (changes or values or left):
        raise PersonNotFound([Fault("person", f"{stranger.id!r} is named nowhere in this store; ids count by letter")])
    erased = ErasedPerson(stranger.name, values, len(changes), left)
    told: dict[str, Json] = {"reason": stranger.words(command.reason), "authenticated_by": command.authenticated_by}
    told |= {"apart": values, "records": len(changes), "inside": left}
    txn.note(AuditEvent.PERSON_ERASED, stranger.name, stranger.called(command.by), command.now, told)
    return erased


def _instead(stranger: Stranger, value: str, of: str | None) -> str | None:
    """What stands for a name or a text of the trail: nothing is left of what they said or what was said of them."""
    if of is None:
        return stranger.name if value == stranger.id else None
    return emptied.ERASED if of == stranger.id or stranger.words(value) != value else None


def _inside(txn: Transaction, stranger: Stranger) -> int:
    """How many lines of the trail name them in themselves: an older release sealed them so, and they stay."""
    lines = txn.execute("SELECT event, actor, body FROM hitl_audit WHERE instr(actor || body, ?) > 0", (stranger.id,))
    return sum(any(stranger.words(said) != said for said in inside(*line)) for line in lines)


# ── what names them ──────────────────────────────────────────────────────────────────────────────────────────


_NOTHING: Final = bodies.Body(b"", b"")
"""As damaged as what it stands for."""

_BODY: Final = "UPDATE hitl_bodies SET digest = ?, data = ? WHERE key = ?"


def _in_bodies(txn: Transaction, stranger: Stranger, found: Found) -> None:
    for place in _PLACES:
        for key, run, state in txn.execute(place.rows).fetchall():
            body = _changed(txn, stranger, place, key)
            if body is not None:
                found.add(run, state, (_BODY, (*body, key)))


def _changed(txn: Transaction, stranger: Stranger, place: Place, key: int) -> bodies.Body | None:
    """The body with the pseudonym in it; None if it does not name them. Of a damaged one that does nothing is left."""
    what = place.record.__name__
    stored = txn.one("SELECT digest, data FROM hitl_bodies WHERE key = ?", key) or (None, None)
    try:
        said = unpack(checked(*stored, what=what)).decode()
        if not stranger.may_be_in(said):
            return None
        record = place.record.model_validate_json(said)
    except (RowCorrupt, ValidationError) as exc:
        return _damaged(txn, stranger, what, key, stored[1], exc)
    changed = place.change(stranger, record)
    return None if changed == record else bodies.pack_text(changed.to_json(), what=what, limit=bodies.REQUEST_LIMIT)


def _damaged(
    txn: Transaction, stranger: Stranger, what: str, key: int, data: bytes | None, because: Exception
) -> bodies.Body | None:
    txn.skip(what, str(key), because)
    return _NOTHING if stranger.id.encode() in (data or b"") else None


def _in_columns(txn: Transaction, stranger: Stranger, found: Found) -> None:
    for column in _COLUMNS:
        for key, value, run, state in txn.execute(f"SELECT {column.rows}").fetchall():
            changed = None if value is None else column.change(stranger, value)
            if changed != value:
                sql = f"UPDATE {column.table} SET {column.name} = ? WHERE {column.handle} = ?"  # noqa: S608
                found.add(run, state, (sql, (changed, key)))


_OVERRIDES: Final = """SELECT o.key, o.by, o.reason, r.id, r.state
    FROM hitl_overrides o JOIN hitl_runs r ON r.key = o.run"""


def _in_overrides(txn: Transaction, stranger: Stranger, found: Found) -> None:
    for key, by, reason, run, state in txn.execute(_OVERRIDES).fetchall():
        said = emptied.ERASED if by == stranger.id and reason else stranger.words(reason)
        if (stranger.called(by), said) != (by, reason):
            sql = "UPDATE hitl_overrides SET by = ?, reason = ? WHERE key = ?"
            found.add(run, state, (sql, (stranger.called(by), said, key)))


_UNDOS: Final = """SELECT r.input, r.started_by, r.id, r.state FROM hitl_runs r
    WHERE json_extract(r.more, '$.undoes') IS NOT NULL AND r.input IS NOT NULL"""


def _in_undos(txn: Transaction, stranger: Stranger, found: Found) -> None:
    """Why somebody took back what a run has done: an undo has that as its input."""
    for key, by, run, state in txn.execute(_UNDOS).fetchall():
        body = _wanted(txn, stranger, key, own=by == stranger.id)
        if body is not None:
            found.add(run, state, (_BODY, (*body, key)))


def _wanted(txn: Transaction, stranger: Stranger, key: int, *, own: bool) -> bodies.Body | None:
    """As `_changed`, of the input of an undo; `own`: they wanted it."""
    stored = txn.one("SELECT digest, data FROM hitl_bodies WHERE key = ?", key) or (None, None)
    try:
        asked = bodies.decode(*stored, what="input")
    except RowCorrupt as exc:
        return _damaged(txn, stranger, "input", key, stored[1], exc)
    reason = str(asked.get("reason", "")) if isinstance(asked, dict) else ""
    said = emptied.ERASED if own and reason else stranger.words(reason)
    if said == reason:
        return None
    return bodies.pack({**cast("dict[str, Json]", asked), "reason": said}, what="input", limit=bodies.RESULT_LIMIT)


def _in_slips(txn: Transaction, stranger: Stranger, found: Found) -> None:
    for change in slips.naming(txn, stranger):
        found.add(None, RunState.COMPLETED, change)


# ── what stands in the way ───────────────────────────────────────────────────────────────────────────────────


def _runs(found: Found) -> Iterator[Fault]:
    for name, state in found.at_work.items():
        yield Fault(f"run {name}", f"is {state}, and they have a part in it; let it end, or cancel it first")


def _stops(txn: Transaction, stranger: Stranger) -> Iterator[Fault]:
    for stop in in_force(txn):
        if stop.by == stranger.id or stranger.words(stop.reason) != stop.reason:
            what = f"stop {stop.scope}:{stop.target}".removesuffix(":")
            yield Fault(what, "is in force and names them; lift it, or let somebody else put it in force, first")


_IN_FORCE: Final = """SELECT g.id, g.body FROM hitl_grants g WHERE (g.revoked IS NULL AND g.expires > ?
    AND (g.times IS NULL OR g.used < g.times) AND (g.most IS NULL OR g.spent < g.most))
    OR EXISTS (SELECT 1 FROM hitl_effects e JOIN hitl_runs r ON r.key = e.run
        WHERE e.granted = g.key AND r.state NOT IN ('completed', 'cancelled'))"""


def _grants(txn: Transaction, stranger: Stranger, now: datetime) -> Iterator[Fault]:
    for name, body in txn.execute(_IN_FORCE, (micros(now),)).fetchall():
        if _changed(txn, stranger, _PLACES[-1], body) is not None:
            problem = "is in force or in use and names them; revoke it, or end the runs under it, first"
            yield Fault(f"grant {text(name)}", problem)


def _and_more(count: int) -> Iterator[Fault]:
    if count > MOST_FAULTS:
        yield Fault("person", f"has a part in {count - MOST_FAULTS:,} things more that are not over")
