"""The audit trail in the database: where it ends, and how lines are chained onto it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from ....audit import Anchor, Chain, Kept
from .identity import column
from .link import Link
from .view import View


class Tip(NamedTuple):
    """Where the trail ends: how many lines, and the seal of the last one."""

    size: int
    mac: bytes


class Line(NamedTuple):
    """An audit line before it is sealed. `run` is the key of the run by which it is found again.

    `kept` is what actor and body have a digest of: it is kept apart.
    """

    at: int
    event: str
    subject: str
    actor: str
    body: str
    run: int | None
    kept: tuple[Kept, ...] = ()


_INSERT: Final = "INSERT INTO hitl_audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_APART: Final = "INSERT INTO hitl_apart (line, place, salt, value, person, erased) VALUES (?, ?, ?, ?, ?, ?)"


def seal(link: Link, chain: Chain, tip: Tip, lines: Iterable[Line]) -> Tip:
    """Chain lines onto the trail, inside the transaction of what they tell about; returns the new tip."""
    rows, apart = [], []
    for at, event, subject, actor, body, run, kept in lines:
        tip = Tip(tip.size + 1, chain.seal(tip.mac, tip.size + 1, at, event, subject, actor, body))
        rows.append((tip.size, at, event, column(subject), actor, body, tip.mac, run))
        apart += [(tip.size, place, *value) for place, value in enumerate(kept)]
    link.many(_INSERT, rows)
    if apart:
        link.many(_APART, apart)
    return tip


def remember(link: Link, anchor: str | None) -> None:
    """Keep the newest anchor. One that the trail contradicts stays: it is the witness of what was taken away."""
    if anchor is None:
        return
    (kept,) = link.execute("SELECT anchor FROM hitl_store").fetchone()
    if not kept or _still_true(link, kept):
        link.execute("UPDATE hitl_store SET anchor = ?", (anchor,))


def _still_true(link: Link, kept: str) -> bool:
    try:
        anchor, _ = Anchor.parse(kept)
    except ValueError:
        return False
    found = link.execute("SELECT mac FROM hitl_audit WHERE seq = ?", (anchor.size,)).fetchone()
    return found is not None and bool(found[0] == anchor.mac)


def read_anchor(view: View) -> str:
    """The newest anchor that was remembered; "" if there was none yet. One that is damaged is not signed any more."""
    with view.link.tolerant():
        found = view.one("SELECT anchor FROM hitl_store")
    return "" if found is None else str(found[0])


def read_tip(view: View) -> Tip:
    found = view.one("SELECT seq, mac FROM hitl_audit ORDER BY seq DESC LIMIT 1")
    return Tip(0, Chain.genesis) if found is None else Tip(*found)
