"""Rows of drafts: one for each version, none is ever changed."""

from __future__ import annotations

from typing import Any, Final

from ....protocol import AuditEvent, DraftVersion, Json, PauseRequest
from . import bodies
from .identity import column
from .transaction import Transaction
from .view import View

_VERSIONS: Final = """SELECT b.digest, b.data FROM hitl_drafts d LEFT JOIN hitl_bodies b ON b.key = d.body
    WHERE d.draft = ? ORDER BY d.number"""


def versions(view: View, draft: str) -> tuple[DraftVersion, ...]:
    """The versions of a draft, oldest first. Raises RowCorrupt."""
    return tuple(_record(draft, row) for row in view.execute(_VERSIONS, (column(draft),)).fetchall())


def begin(txn: Transaction, request: PauseRequest, key: int, run: int) -> None:
    """What the agent proposes is the next version of the draft that its request names."""
    assert request.draft is not None
    made = DraftVersion(
        draft=request.draft,
        number=len(versions(txn, request.draft)) + 1,
        request_id=request.id,
        arguments=request.action.arguments,
        digest=request.digest,
        made_at=request.created_at,
    )
    keep(txn, made, key, run)


def keep(txn: Transaction, made: DraftVersion, key: int, run: int) -> None:
    """Store a version, and let the row of its request say which one is the newest."""
    body = bodies.pack_text(made.to_json(), what="draft", limit=bodies.REQUEST_LIMIT)
    sql = "INSERT INTO hitl_drafts (draft, number, body) VALUES (?, ?, ?)"
    txn.execute(sql, (column(made.draft), made.number, bodies.put(txn, body)))
    txn.execute("UPDATE hitl_requests SET draft = ? WHERE key = ?", (made.number, key))
    told: dict[str, Json] = {"draft": made.draft, "version": made.number, "digest": made.digest}
    told |= {} if made.by is None else {"channel": made.by.channel, "authenticated_by": made.by.authenticated_by}
    actor = "" if made.by is None else made.by.id
    txn.note(AuditEvent.DRAFT_CHANGED, made.request_id, actor, made.made_at, told, run=run)


def _record(draft: str, row: tuple[Any, ...]) -> DraftVersion:
    return DraftVersion.model_validate_json(bodies.unpack(bodies.checked(*row, what="version of draft", of=draft)))
