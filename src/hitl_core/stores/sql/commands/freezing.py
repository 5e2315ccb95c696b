"""Freezing, thawing and waking: what holds back what waits, and what lets it go on.

A window whose end lets the action run stands still meanwhile: a stop must not eat the veto. A run that wakes is put
into a small table of its own, so that an answer does not touch the run's page.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ....lifecycle import RequestEvent, RequestState
from ....protocol import OnTimeout, micros
from ..tables import RequestRow, Rows, Transaction, requests

# Where it is not known since when (frozen by a release that did not note it), the window has no end any more.
_THAW: Final = f""", why = NULL, frozen_at = NULL,
    due = CASE lapse WHEN '{OnTimeout.PROCEED}' THEN due + ? - frozen_at ELSE due END"""


def freeze(txn: Transaction, where: str, *given: Any, now: datetime, why: str | None = None) -> int:
    """Freeze the open requests of `where`; returns how many. `why` if it is done by hand and not by a stop."""
    values = (why, micros(now))
    return requests.move(
        txn, RequestEvent.FREEZE, where, *given, also=", why = ?, frozen_at = ?", values=values
    ).rowcount


def thaw(txn: Transaction, where: str, *given: Any, now: datetime) -> int:
    """Open the frozen requests of `where` again; returns how many."""
    return requests.move(txn, RequestEvent.THAW, where, *given, also=_THAW, values=(micros(now),)).rowcount


def is_late(row: RequestRow, now: datetime) -> bool:
    """Whether the deadline of a request that is open or frozen has passed."""
    if row.due is None:
        return False
    if row.state != RequestState.FROZEN or row.lapse != OnTimeout.PROCEED:
        return row.due <= micros(now)
    return row.frozen_at is not None and row.due <= row.frozen_at


# ── waking ───────────────────────────────────────────────────────────────────────────────────────────────────


def wake(txn: Transaction, key: int, now: datetime) -> None:
    """Make a run ready, whatever it was. Waking twice is harmless."""
    txn.wakes = True
    txn.execute(_WAKE, (micros(now), key))


_WAKE: Final = """INSERT INTO hitl_woken (app, run, at) SELECT app, key, ? FROM hitl_runs WHERE key = ?
    ON CONFLICT DO NOTHING"""
_IF_SETTLED: Final = """INSERT INTO hitl_woken (app, run, at) SELECT app, key, ? FROM hitl_runs
    WHERE key = ? AND state = 'paused' AND NOT EXISTS (SELECT 1 FROM hitl_requests
        WHERE run = ? AND waits = 1 AND state IN ('open', 'frozen')) ON CONFLICT DO NOTHING"""


def wake_if_settled(txn: Transaction, key: int, now: datetime) -> Rows:
    """A paused run becomes ready when nothing in it is open (or frozen) any more; one row is changed if it does now."""
    txn.wakes = True
    return txn.execute(_IF_SETTLED, (micros(now), key, key))
