"""History: what rules count of the actions that began. Read for a decision, and once more where the action begins."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Final

from ....commands import BeginEffect, PruneHistory
from ....errors import HistoryMoved
from ....policy import Past, Question
from ....protocol import micros
from ..tables import Transaction, View, column

_UNIT: Final = Decimal(10) ** 6

_PAST: Final = """SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM hitl_past
    WHERE series = ? AND key = ? AND at > ? AND effect != ?"""

_OWN: Final = "SELECT e.key FROM hitl_effects e JOIN hitl_runs r ON r.key = e.run WHERE r.id = ? AND e.call = ?"


def own_effect(view: View, run: str, call: str) -> int:
    """The effect at a call: one that was begun before is no past of itself. 0 if there is none."""
    found = view.one(_OWN, column(run), call)
    return 0 if found is None else int(found[0])


def past(view: View, question: Question, now: datetime, own: int) -> Past:
    """The answer to one question about the past."""
    since = -1 if question.within is None else micros(now - question.within)
    found = view.one(_PAST, _digest(question.series), _digest(question.key), since, own)
    assert found is not None
    return Past(found[0], Decimal(found[1]) / _UNIT)


def check_past(view: View, command: BeginEffect, own: int) -> None:
    """Raises HistoryMoved if more has begun than the decision knew. Under the write lock, so that none is missed."""
    for counted in command.counted:
        if past(view, counted.tally.question, command.now, own).exceeds(counted.past):
            raise HistoryMoved(f"more has begun than the decision about the call {command.call!r} knew; decide again")


def count(view: View, command: BeginEffect, effect: int) -> None:
    """Add what this action counts for; begun again, it counts once. One row for each series, whatever the windows."""
    places = {(each.tally.question.series, each.tally.question.key): each.tally.amount for each in command.counted}
    for (series, key), amount in places.items():
        place = (_digest(series), _digest(key))
        view.execute("DELETE FROM hitl_past WHERE series = ? AND key = ? AND effect = ?", (*place, effect))
        row = (*place, micros(command.now), effect, _units(amount))
        view.execute("INSERT INTO hitl_past (series, key, at, effect, amount) VALUES (?, ?, ?, ?, ?)", row)


_NEXT: Final = "SELECT key, at FROM hitl_past WHERE series = ? AND key >= ? ORDER BY key, at LIMIT 1"

_OLD: Final = "SELECT at FROM hitl_past WHERE series = ? AND key = ? AND at <= ? ORDER BY at LIMIT ?"

_DROP: Final = "DELETE FROM hitl_past WHERE series = ? AND key = ? AND at <= ?"


def prune_history(txn: Transaction, command: PruneHistory) -> str:
    """From key to key: the oldest row of each says whether there is something to delete."""
    series, before, left = _digest(command.series), micros(command.before), command.limit
    place = bytes.fromhex(command.after)
    for _ in range(command.limit):
        found = txn.one(_NEXT, series, place)
        if found is None:
            return ""
        place, oldest = found
        old = txn.execute(_OLD, (series, place, before, left)).fetchall() if oldest <= before else []
        if old:
            txn.execute(_DROP, (series, place, old[-1][0]))
            left -= len(old)
        if left <= 0:
            break
        place += b"\0"  # the next one that there can be
    return place.hex()


def _units(amount: Decimal) -> int:
    return int((amount * _UNIT).to_integral_value(ROUND_CEILING))


def _digest(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("sha256:"))
