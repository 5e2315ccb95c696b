"""The audit trail in the database: where it ends, and how lines are chained onto it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from ...audit import Chain
from .identity import column
from .view import View


class Tip(NamedTuple):
    """Where the trail ends: how many lines, and the seal of the last one."""

    size: int
    mac: bytes


class Line(NamedTuple):
    """An audit line before it is sealed. `run` is the key of the run by which it is found again."""

    at: int
    event: str
    subject: str
    actor: str
    body: str
    run: int | None


_INSERT: Final = "INSERT INTO hitl_audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def seal(connection: sqlite3.Connection, chain: Chain, tip: Tip, lines: Iterable[Line]) -> Tip:
    """Chain lines onto the trail, inside the transaction of what they tell about; returns the new tip."""
    rows = []
    for at, event, subject, actor, body, run in lines:
        tip = Tip(tip.size + 1, chain.seal(tip.mac, tip.size + 1, at, event, subject, actor, body))
        rows.append((tip.size, at, event, column(subject), actor, body, tip.mac, run))
    connection.executemany(_INSERT, rows)
    return tip


def read_tip(view: View) -> Tip:
    found = view.one("SELECT seq, mac FROM hitl_audit ORDER BY seq DESC LIMIT 1")
    return Tip(0, Chain.genesis) if found is None else Tip(*found)
