"""Slips of whoever, and whatever, is erased: their own are deleted, in those of others the pseudonym stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ....errors import RowCorrupt
from ..commands import slips
from ..tables import RunRow, Stranger, Transaction, bodies, text

Change = tuple[str, tuple[Any, ...]]
"""A statement, and what it is given."""

_ALL: Final = """SELECT s.key, s.name, s.person, s.subject, s.body, b.digest, b.data FROM hitl_slips s
    LEFT JOIN hitl_bodies b ON b.key = s.body"""


def of_run(txn: Transaction, row: RunRow) -> None:
    """Delete what is about the run or one of its requests."""
    asked = txn.execute("SELECT id FROM hitl_requests WHERE run = ?", (row.key,)).fetchall()
    for subject in (row.name, *(text(name) for (name,) in asked)):
        slips.forget_slips(txn, "subject = ? AND subject <> ''", (subject,))


def naming(txn: Transaction, stranger: Stranger) -> Iterator[Change]:
    """What is to be done about the slips that name a person. Their own say who they are and what they meant to say."""
    for key, name, person, subject, body, digest, data in txn.execute(_ALL).fetchall():
        if person == stranger.id:
            yield "DELETE FROM hitl_slips WHERE key = ?", (key,)
            yield "DELETE FROM hitl_bodies WHERE key = ?", (body,)
            continue
        if subject == stranger.id:
            yield "UPDATE hitl_slips SET subject = ? WHERE key = ?", (stranger.name, key)
        changed = _changed(txn, stranger, name, digest, data)
        if changed is not None:
            yield "UPDATE hitl_bodies SET digest = ?, data = ? WHERE key = ?", (*changed, body)


def _changed(txn: Transaction, stranger: Stranger, name: str, digest: bytes, data: bytes) -> bodies.Body | None:
    """The body with the pseudonym in it; None if it does not name them. Of a damaged one that does nothing is left."""
    try:
        said = bodies.decode(digest, data, what=f"slip {name}")
    except RowCorrupt as exc:
        txn.skip("slip", name, exc)
        return bodies.Body(b"", b"") if stranger.id.encode() in (data or b"") else None
    told = stranger.everywhere(said)
    return None if told == said else bodies.pack(told, what="slip", limit=bodies.REQUEST_LIMIT)
