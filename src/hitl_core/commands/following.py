"""The query of whoever follows the trail: its lines in their order, and whose each of them is."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol import AuditEntry
from .kinds import Query
from .results import Page


@dataclass(frozen=True, slots=True)
class Followed:
    """A line of the trail, with the run that it is about and the tenant whose it is; None where it is nobody's own,
    as a stop of a tool, or where what it was about is not there."""

    entry: AuditEntry
    run_id: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class FollowAudit(Query[Page[Followed]]):
    """Sealed lines of the trail, `limit` after `after` (a sequence number), oldest first; of one run.

    With `newest` the newest first: those before `after`, or from the end where that is 0.
    """

    after: int = 0
    limit: int = 500
    run_id: str | None = None
    newest: bool = False
