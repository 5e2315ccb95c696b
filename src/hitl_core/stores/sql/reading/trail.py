"""The audit trail as entries: lines as they were sealed, and the names and texts that are kept apart from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ....audit import brought_together, is_kept_apart
from ....commands import Page, ReadAudit
from ....protocol import Apart, AuditEntry, Sealed, instant
from ..tables import View, column, text


def read_audit(view: View, query: ReadAudit) -> Page[AuditEntry]:
    given: tuple[Any, ...]
    with view.link.tolerant():
        sql, given = _LINES, (query.after,)
        if query.run_id is not None:
            (run,) = view.one("SELECT key FROM hitl_runs WHERE id = ?", column(query.run_id)) or (None,)
            sql, given = _LINES_OF_RUN, (run, query.after, run, query.after)
        if query.events:
            sql = f"SELECT * FROM ({sql}) AS lines WHERE event IN ({', '.join('?' * len(query.events))})"  # noqa: S608
        rows = view.execute(f"{sql} ORDER BY 1 LIMIT ?", (*given, *query.events, query.limit)).fetchall()
        items = tuple(_entry(view, row) for row in rows)
    cursor = str(rows[-1][0]) if len(rows) == query.limit and rows else None
    return Page(items, cursor)


_LINES: Final = """SELECT seq, at, event, subject, actor, body, mac FROM hitl_audit
    WHERE seq > ?"""
_LINES_OF_RUN: Final = """SELECT seq, at, event, subject, actor, body, mac FROM hitl_audit WHERE run = ? AND seq > ?
    UNION ALL SELECT a.seq, a.at, a.event, a.subject, a.actor, a.body, a.mac
    FROM hitl_requests q JOIN hitl_audit a ON a.seq = q.line WHERE q.run = ? AND q.line > ?"""


def _entry(view: View, row: tuple[Any, ...]) -> AuditEntry:
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
