"""Freezing and thawing. A window whose end lets the action run stands still meanwhile: a stop must not eat the veto."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ....lifecycle import RequestEvent, RequestState
from ....protocol import OnTimeout, micros
from ..tables import RequestRow, Transaction, requests

# Where it is not known since when (frozen by a release that did not note it), the window has no end any more.
_THAW: Final = f""", why = NULL, frozen_at = NULL,
    due = CASE lapse WHEN '{OnTimeout.PROCEED}' THEN due + ? - frozen_at ELSE due END"""


def freeze(txn: Transaction, where: str, *given: Any, now: datetime, why: str | None = None) -> int:
    """Freeze the open requests of `where`; returns how many. `why` if it is done by hand and not by a stop."""
    values = (why, micros(now))
    return requests.move(txn, RequestEvent.FREEZE, where, *given, also=", why = ?, frozen_at = ?", values=values)


def thaw(txn: Transaction, where: str, *given: Any, now: datetime) -> int:
    """Open the frozen requests of `where` again; returns how many."""
    return requests.move(txn, RequestEvent.THAW, where, *given, also=_THAW, values=(micros(now),))


def is_late(row: RequestRow, now: datetime) -> bool:
    """Whether the deadline of a request that is open or frozen has passed."""
    if row.due is None:
        return False
    if row.state != RequestState.FROZEN or row.lapse != OnTimeout.PROCEED:
        return row.due <= micros(now)
    return row.frozen_at is not None and row.due <= row.frozen_at
