"""How a run becomes ready: it is put into a small table of its own, so that an answer does not touch the run's page."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ....protocol import micros
from ..tables import Transaction


def wake(txn: Transaction, key: int, now: datetime) -> None:
    """Make a run ready, whatever it was. Waking twice is harmless."""
    txn.execute("INSERT OR IGNORE INTO hitl_woken (run, at) VALUES (?, ?)", (key, micros(now)))


_IF_SETTLED: Final = """INSERT OR IGNORE INTO hitl_woken (run, at) SELECT key, ? FROM hitl_runs
    WHERE key = ? AND state = 'paused' AND NOT EXISTS (SELECT 1 FROM hitl_requests
        WHERE run = ? AND waits = 1 AND state IN ('open', 'frozen'))"""


def wake_if_settled(txn: Transaction, key: int, now: datetime) -> bool:
    """A paused run becomes ready when nothing in it is open (or frozen) any more; returns whether it did now."""
    return txn.execute(_IF_SETTLED, (micros(now), key, key)).rowcount == 1
