"""Compacting a run that is over: what only going on needs is deleted, what people have seen and decided stays."""

from __future__ import annotations

import json
from typing import Any, Final

from ....commands import CompactRun, ListCompactable, Page
from ....errors import RunBusy
from ....protocol import AuditEvent, Json, RunState, micros
from ..commands import find
from ..tables import RunRow, Transaction, View, column, key_of, text
from .runs import BEING_UNDONE

_DONE: Final = frozenset(("erased", "compacted"))


def compact_run(txn: Transaction, command: CompactRun) -> int:
    row = find(txn, command.run_id)
    if not RunState(row.state).over:
        raise RunBusy(f"run {row.name!r} is {row.state}; only a run that is over can be compacted")
    marks = json.loads(row.more or "{}")
    if row.updated >= micros(command.before) or marks.keys() & _DONE or row.name in _being_undone(txn):
        return 0
    gone = {what: _delete(txn, row, held) for what, held in _HELD.items()}
    for statement in _CLEARED:
        txn.execute(statement, (row.key,))
    marks["compacted"] = command.now.isoformat()
    txn.execute("UPDATE hitl_runs SET checkpoint = NULL, more = ? WHERE key = ?", (json.dumps(marks), row.key))
    told: dict[str, Json] = {"what": dict(gone), "retention": True}
    txn.note(AuditEvent.RUN_COMPACTED, row.name, "store", command.now, told, run=row.key)
    return sum(gone.values())


_HELD: Final = {
    "checkpoints": "SELECT checkpoint FROM hitl_runs WHERE key = ?",
    "journal": "SELECT body FROM hitl_journal WHERE run = ?",
    "results": "SELECT result FROM hitl_effects WHERE run = ?",
}
"""Bodies, by what they are."""

_CLEARED: Final = (
    "DELETE FROM hitl_journal WHERE run = ?",
    # Without its end there is no receipt either: nobody takes back what is not known any more.
    "UPDATE hitl_effects SET result = NULL, ended = NULL WHERE run = ?",
)


def _delete(txn: Transaction, row: RunRow, held: str) -> int:
    return txn.execute(f"DELETE FROM hitl_bodies WHERE key IN ({held})", (row.key,)).rowcount  # noqa: S608


def _being_undone(view: View) -> list[str]:
    return [str(undone) for (undone,) in view.execute(BEING_UNDONE, ()).fetchall()]


def compactable(view: View, query: ListCompactable) -> Page[str]:
    at_work = [column(undone) for undone in _being_undone(view)]
    sql = f"""SELECT key, id FROM hitl_runs WHERE key > ? AND state IN ('completed', 'cancelled') AND updated < ?
        AND (more IS NULL OR json_extract(more, '$.erased') IS NULL AND json_extract(more, '$.compacted') IS NULL)
        AND id NOT IN ({", ".join("?" * len(at_work))}) ORDER BY key LIMIT ?"""  # noqa: S608
    after, given = key_of(query.cursor or "0"), (micros(query.before), *at_work, query.limit)
    found: list[tuple[Any, ...]] = view.execute(sql, (after, *given)).fetchall()
    cursor = str(found[-1][0]) if len(found) == query.limit else None
    return Page(tuple(text(name) for _, name in found), cursor)
