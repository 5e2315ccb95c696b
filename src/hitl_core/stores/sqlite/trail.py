"""Sealing: the audit lines of a batch are chained onto the trail inside the batch's own transaction."""

from __future__ import annotations

from typing import NamedTuple

from ...audit import Chain
from .identity import column
from .transaction import Transaction
from .view import View


class Tip(NamedTuple):
    """Where the trail ends: how many lines, and the seal of the last one."""

    size: int
    mac: bytes


def seal(txn: Transaction, chain: Chain) -> Tip | None:
    """Chain the transaction's lines onto the trail; returns the new tip, None if there was nothing to say.

    The old tip is read here, under the write lock, because another process may have moved it.
    """
    if not txn.lines:
        return None
    tip, rows = read_tip(txn), []
    for at, event, subject, actor, body, run in txn.lines:
        tip = Tip(tip.size + 1, chain.seal(tip.mac, tip.size + 1, at, event, subject, actor, body))
        rows.append((tip.size, at, event, column(subject), actor, body, tip.mac, run))
    txn.connection.executemany("INSERT INTO hitl_audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return tip


def read_tip(view: View) -> Tip:
    found = view.one("SELECT seq, mac FROM hitl_audit ORDER BY seq DESC LIMIT 1")
    return Tip(0, Chain.genesis) if found is None else Tip(*found)
