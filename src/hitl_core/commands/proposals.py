"""What agents wanted to do and what came of it, in the order in which it was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..policy import Proposed
from .kinds import Query
from .results import Page


@dataclass(frozen=True, slots=True)
class ListProposed(Query[Page[Proposed]]):
    """Every action that was decided on (let through, told of, asked about, refused), and each time one began.

    Oldest first, by a keyset cursor: a page may hold fewer entries than `limit` and still have a cursor. An action that
    is asked about or begins again is proposed once. `since` leaves out what is older, `tenant` other tenants' runs.
    """

    since: datetime | None = None
    limit: int = 500
    cursor: str | None = None
    tenant: str | None = None
