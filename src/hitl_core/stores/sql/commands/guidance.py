"""Guidance: queued for a run, consumed at a place in it, or dropped when the run ends. Nothing moves it twice."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ....commands import GiveGuidance, TakeGuidance
from ....errors import RunFinished
from ....lifecycle import GUIDANCE as LIFECYCLE
from ....lifecycle import GuidanceEvent
from ....protocol import AuditEvent, Guidance, GuidanceState, Json, RunState, micros, sha256
from ..tables import GUIDANCE, RunRow, Transaction, bodies, column, guidance_record, text
from .runs import find, leased

_INSERT: Final = "INSERT INTO hitl_guidance (id, run, state, body) VALUES (?, ?, 'queued', ?)"


def give_guidance(txn: Transaction, command: GiveGuidance) -> Guidance:
    given = command.guidance
    row = find(txn, given.run_id)
    if RunState(row.state).over:
        raise RunFinished(f"run {row.name!r} is {row.state}: no model call of it is to come; start a new one")
    body = bodies.pack_text(given.to_json(), what="guidance", limit=bodies.REQUEST_LIMIT)
    txn.execute(_INSERT, (column(given.id), row.key, bodies.put(txn, body)))
    note: dict[str, Json] = {
        "digest": sha256(given.text.encode()),
        "channel": given.by.channel,
        "authenticated_by": given.by.authenticated_by,
    }
    txn.note(AuditEvent.GUIDANCE_QUEUED, given.id, given.by.id, command.now, note, run=row.key)
    return given


def take_guidance(txn: Transaction, command: TakeGuidance) -> tuple[Guidance, ...]:
    row = leased(txn, command.lease)
    if not command.seals or _seal(txn, row, command.place):
        _move(txn, row, GuidanceEvent.ENTER, command.lease.owner, command.now, place=command.place)
    entered = txn.execute(f"{GUIDANCE} AND g.place = ? ORDER BY g.key", (row.key, command.place))
    return tuple(map(guidance_record, entered.fetchall()))


def _seal(txn: Transaction, row: RunRow, place: str) -> bool:
    """Whether this is the first time that the place is come to; the journal keeps it."""
    if txn.one("SELECT 1 FROM hitl_journal WHERE run = ? AND name = ?", row.key, place):
        return False
    body = bodies.pack(None, what=f"journal value {place!r}", limit=bodies.RESULT_LIMIT)
    txn.execute("INSERT INTO hitl_journal (run, name, body) VALUES (?, ?, ?)", (row.key, place, bodies.put(txn, body)))
    return True


_QUEUED: Final = "SELECT 1 FROM hitl_guidance WHERE run = ? AND state = 'queued' LIMIT 1"


def ahead_of_drop(txn: Transaction, row: RunRow) -> None:
    """What is still queued will be dropped soon."""
    txn.link.ahead(_QUEUED, (row.key,))


def drop(txn: Transaction, row: RunRow, by: str, now: datetime) -> None:
    """The run is over: what is still queued reaches nobody any more, and that is said."""
    if txn.one(_QUEUED, row.key):
        _move(txn, row, GuidanceEvent.DROP, by, now)


_SAID: Final = {
    GuidanceEvent.ENTER: AuditEvent.GUIDANCE_CONSUMED,
    GuidanceEvent.DROP: AuditEvent.GUIDANCE_DROPPED,
}


def _move(txn: Transaction, row: RunRow, event: GuidanceEvent, by: str, now: datetime, *, place: str = "") -> None:
    target = LIFECYCLE.advance(GuidanceState.QUEUED, event)
    sql = "UPDATE hitl_guidance SET state = ?, place = ?, settled = ? WHERE run = ? AND state = 'queued' RETURNING id"
    moved = txn.execute(sql, (target, place or None, micros(now), row.key)).fetchall()
    body: dict[str, Json] = {"place": place} if place else {}
    for (name,) in moved:
        txn.note(_SAID[event], text(name), by, now, body, run=row.key)
