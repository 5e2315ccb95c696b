"""What is kept apart from the trail, in the database: how it is erased, also before it was ever stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ....audit import Kept, inside
from .emptied import ERASED
from .transaction import Transaction

Judge = Callable[[int, str, str | None], str | None]
"""What is to stand for a value of a line, given whose words it is (None: a name); None to leave it as it is."""

_LINES_OF_RUN: Final = """SELECT seq FROM hitl_audit WHERE run = ?1 UNION SELECT seq FROM hitl_audit
    WHERE rowid IN (SELECT line FROM hitl_requests WHERE run = ?1 AND line IS NOT NULL)"""

_READ: Final = f"SELECT event, actor, body FROM hitl_audit WHERE seq IN ({_LINES_OF_RUN})"  # noqa: S608

_LEFT: Final = "SELECT line, place, value, person FROM hitl_apart WHERE erased IS NULL"
_ERASE: Final = """UPDATE hitl_apart SET salt = NULL, person = NULL, value = ?, erased = ?
    WHERE line = ? AND place = ?"""


def erase_of_run(txn: Transaction, run: int) -> int:
    """Erase all names and texts in the lines of a run. The next line is to record it; returns how many it were."""
    lines = {number for (number,) in txn.execute(_LINES_OF_RUN, (run,)).fetchall()}
    lines |= {number for number, line in txn.unsealed() if line.run == run}
    sql = f"{_LEFT} AND line IN ({_LINES_OF_RUN})"
    return _erase(txn, sql, (run,), lambda line, value, of: ERASED if line in lines else None)


def inside_of_run(txn: Transaction, run: int) -> int:
    """How many lines of a run have names or texts in themselves: an older release sealed them so, and they stay."""
    return sum(any(inside(*line)) for line in txn.execute(_READ, (run,)).fetchall())


def erase_where(txn: Transaction, judge: Judge, mentions: str) -> int:
    """Erase what `judge` says of all that holds the text `mentions`, or that is the words of whom it names."""
    sql = f"{_LEFT} AND (person = ?1 OR instr(value, ?1) > 0)"
    return _erase(txn, sql, (mentions,), judge)


def _erase(txn: Transaction, sql: str, given: tuple[int | str, ...], judge: Judge) -> int:
    by = txn.next_line
    gone = [
        (instead, by, line, place)
        for line, place, value, person in txn.execute(sql, given).fetchall()
        if (instead := judge(line, value, person)) is not None
    ]
    txn.link.many(_ERASE, gone)
    return len(gone) + txn.erase_unsealed(lambda line, kept: _instead(judge, by, line, kept))


def _instead(judge: Judge, by: int, line: int, kept: Kept) -> Kept:
    instead = None if kept.erased else judge(line, kept.value, kept.of)
    return kept if instead is None else Kept(None, instead, None, by)
