"""Rows of standing grants, and the records that they are read as."""

from __future__ import annotations

from typing import Any, Final

from ....protocol import Grant, instant
from .bodies import checked, unpack

UNIT: Final = 10**6
"""Amounts are kept in millionths."""

GRANT: Final = """SELECT g.key, g.used, g.spent, g.revoked, g.revoked_by, b.digest, b.data
    FROM hitl_grants g LEFT JOIN hitl_bodies b ON b.key = g.body"""


def grant_record(row: tuple[Any, ...], *, used: int = 0, spent: int = 0) -> Grant:
    """The Grant of a GRANT row, leaving `used` calls and `spent` millionths out. Raises RowCorrupt."""
    _, all_used, all_spent, revoked, revoked_by, digest, data = row
    given = Grant.model_validate_json(unpack(checked(digest, data, what="grant")))
    moved = {
        "used": all_used - used,
        "spent": (all_spent - spent) / UNIT,
        "revoked_at": None if revoked is None else instant(revoked),
        "revoked_by": revoked_by,
    }
    return given.model_copy(update=moved)
