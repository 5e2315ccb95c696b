"""Comments: kept with their request, shown with it, and looked at by nothing that decides."""

from __future__ import annotations

from typing import Final

from ....commands import AddComment, ListComments, Note
from ....errors import RequestClosed, RequestNotFound
from ....lifecycle import RequestState
from ....protocol import AuditEvent, Comment, Json, sha256
from ..tables import Transaction, View, bodies, checked, column, requests, unpack

_OPEN: Final = (RequestState.OPEN, RequestState.FROZEN)

_INSERT: Final = "INSERT INTO hitl_comments (id, request, body) VALUES (?, ?, ?)"

_LIST: Final = """SELECT b.digest, b.data FROM hitl_requests q JOIN hitl_comments c ON c.request = q.key
    LEFT JOIN hitl_bodies b ON b.key = c.body WHERE q.id = ? ORDER BY c.key"""


def add_comment(txn: Transaction, command: AddComment) -> Comment:
    comment = command.comment
    row = requests.by_id(txn, comment.request_id)
    if row is None:
        raise RequestNotFound(f"there is no request {comment.request_id!r} in this store")
    if row.state not in _OPEN:
        why = f"request {row.name!r} is {row.state}; there is nothing left to be said about it"
        body: dict[str, Json] = {"code": RequestClosed.code, "decision": "comment"}
        note = Note(AuditEvent.REQUEST_REFUSED, row.name, comment.by.id, body)
        txn.refuse(RequestClosed(why), note, command.now, run=row.run)
    body_key = bodies.put(txn, bodies.pack_text(comment.to_json(), what="comment", limit=bodies.REQUEST_LIMIT))
    txn.execute(_INSERT, (column(comment.id), row.key, body_key))
    told: dict[str, Json] = {
        "digest": sha256(comment.text.encode()),
        "machine": comment.machine,
        "channel": comment.by.channel,
        "authenticated_by": comment.by.authenticated_by,
    }
    txn.note(AuditEvent.REQUEST_COMMENTED, row.name, comment.by.id, command.now, told, run=row.run)
    return comment


def list_comments(view: View, query: ListComments) -> tuple[Comment, ...]:
    rows = view.execute(_LIST, (column(query.request_id),)).fetchall()
    return tuple(
        Comment.model_validate_json(unpack(checked(*row, what="comment on request", of=query.request_id)))
        for row in rows
    )
