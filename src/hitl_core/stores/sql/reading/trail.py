"""The audit trail as entries: lines as they were sealed, and the names and texts that are kept apart from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from ....audit import brought_together, is_kept_apart
from ....commands import ListUnsealed, Page, ReadAudit
from ....protocol import Apart, AuditEntry, Sealed, instant
from ..tables import View, column, text


def read_audit(view: View, query: ReadAudit) -> Page[AuditEntry]:
    given: tuple[Any, ...]
    with view.link.tolerant():
        sql, given, run = _LINES, (query.after,), None
        if query.run_id is not None:
            (run,) = view.one("SELECT key FROM hitl_runs WHERE id = ?", column(query.run_id)) or (None,)
            sql, given = _LINES_OF_RUN, (run, query.after, run, query.after)
        if query.events:
            sql = f"SELECT * FROM ({sql}) AS lines WHERE event IN ({', '.join('?' * len(query.events))})"  # noqa: S608
        rows = view.execute(f"{sql} ORDER BY 1 LIMIT ?", (*given, *query.events, query.limit)).fetchall()
        items = tuple(entry_of(view, row) for row in rows)
        if len(rows) == query.limit and rows:
            return Page(items, str(rows[-1][0]))
        waiting = _waiting(view, query, run) if view.with_unsealed else ()
    return Page((*items, *waiting), None)


_LINES: Final = """SELECT seq, at, event, subject, actor, body, mac FROM hitl_audit
    WHERE seq > ?"""
_LINES_OF_RUN: Final = """SELECT seq, at, event, subject, actor, body, mac FROM hitl_audit WHERE run = ? AND seq > ?
    UNION ALL SELECT a.seq, a.at, a.event, a.subject, a.actor, a.body, a.mac
    FROM hitl_requests q JOIN hitl_audit a ON a.rowid = q.line WHERE q.run = ? AND a.seq > ?"""


def list_unsealed(view: View, query: ListUnsealed) -> tuple[AuditEntry, ...]:
    return tuple(_waiting(view, ReadAudit(), None))


def _waiting(view: View, query: ReadAudit, run: int | None) -> Iterator[AuditEntry]:
    """Lines that are not sealed yet, on the last page. One that was refused is shown as one whose seal does not fit."""
    for *row, kept, of, refused in view.link.unsealed():
        told = not query.events or row[2] in query.events
        if told and (query.run_id is None or of == run) and row[0] > query.after:
            yield _unsealed(tuple(row), kept or (), refused=refused)


def _unsealed(row: tuple[Any, ...], kept: Sequence[Sequence[Any]], *, refused: bool) -> AuditEntry:
    seq, at, event, subject, actor, body = row
    apart = tuple(
        Apart.model_construct(place=place, salt=salt or "", value=value, erased=erased)
        for place, (salt, value, _, erased) in enumerate(kept)
    )
    shown = brought_together(event, actor, body, apart)
    return AuditEntry.model_construct(
        seq=seq,
        at=_instant(at),
        event=event,
        subject=text(subject),
        actor=shown[0],
        body=shown[1],
        mac="",
        sealed=Sealed.model_construct(actor=actor, body=body, apart=apart) if apart else None,
        unsealed=not refused,
    )


def entry_of(view: View, row: tuple[Any, ...]) -> AuditEntry:
    """A line as stored. Not validated: what somebody has written into it is for the verifier to judge."""
    seq, at, event, subject, actor, body, mac = row
    actor, body, sealed = _brought_together(view, seq, str(event), str(actor), str(body))
    return AuditEntry.model_construct(
        seq=seq,
        at=_instant(at),
        event=str(event),
        subject=text(subject) if isinstance(subject, bytes | str) else str(subject),
        actor=actor,
        body=body,
        mac=mac.hex() if isinstance(mac, bytes) else str(mac),
        sealed=sealed,
    )


def _brought_together(view: View, seq: Any, event: str, actor: str, body: str) -> tuple[str, str, Sealed | None]:
    """Actor and body as they are read, and as they were sealed if that is something else."""
    if not is_kept_apart(actor, body):
        return actor, body, None
    apart = tuple(_apart(row) for row in view.execute(_APART, (seq,)).fetchall())
    sealed = Sealed.model_construct(actor=actor, body=body, apart=apart)
    return *brought_together(event, actor, body, apart), sealed


_APART: Final = "SELECT place, salt, value, erased FROM hitl_apart WHERE line = ? ORDER BY place"


def _apart(row: tuple[Any, ...]) -> Apart:
    place, salt, value, erased = row
    known = salt.hex() if isinstance(salt, bytes) else ""
    return Apart.model_construct(place=place, salt=known, value=str(value), erased=erased)


def _instant(at: Any) -> datetime:
    """A time that no line can have stands for one that no calendar has."""
    try:
        return instant(at)
    except (TypeError, ValueError, OverflowError):
        return instant(0)
