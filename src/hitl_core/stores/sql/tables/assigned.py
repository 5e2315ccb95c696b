"""Whose turn it is: when each person was last assigned to a request."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ....protocol import instant, micros
from .transaction import Transaction
from .view import View

_NOTE: Final = """INSERT INTO hitl_assigned (tenant, person, at) VALUES (?, ?, ?)
    ON CONFLICT (tenant, person) DO UPDATE SET at = excluded.at WHERE hitl_assigned.at < excluded.at"""

_LAST: Final = "SELECT person, at FROM hitl_assigned WHERE tenant = ? AND person IN ({people})"


def note_assigned(txn: Transaction, people: Iterable[str], tenant: str, now: datetime) -> None:
    """These people have had their turn now."""
    txn.link.many(_NOTE, [(tenant, person, micros(now)) for person in people])


def last_assigned(view: View, people: Iterable[str], tenant: str) -> dict[str, datetime]:
    """When each of these people last had their turn; whoever never had one is not in it."""
    names = tuple(people)
    sql = _LAST.format(people=", ".join("?" * len(names)) or "NULL")
    rows = view.execute(sql, (tenant, *names)).fetchall()
    return {person: instant(at) for person, at in rows}
