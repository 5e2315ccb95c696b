"""The journal: results that a run must not compute twice. And lines that others add to the audit trail."""

from __future__ import annotations

from typing import Final

from ....commands import Remember, WriteNote
from ....protocol import Json
from ..tables import Transaction, bodies, column
from .runs import leased


def remember(txn: Transaction, command: Remember) -> Json:
    run = leased(txn, command.lease)
    what = f"journal value {command.key!r}"
    known = txn.one("SELECT body FROM hitl_journal WHERE run = ? AND name = ?", run.key, command.key)
    if known is not None:
        return bodies.get(txn, known[0], what=what)
    body = bodies.pack(command.value, what=what, limit=bodies.RESULT_LIMIT)
    row = (run.key, command.key, bodies.put(txn, body))
    txn.execute("INSERT INTO hitl_journal (run, name, body) VALUES (?, ?, ?)", row)
    return command.value


_RUN_OF: Final = "SELECT key FROM hitl_runs WHERE id = ?1 UNION ALL SELECT run FROM hitl_requests WHERE id = ?1"


def write_note(txn: Transaction, command: WriteNote) -> None:
    """Record it as a line of the run that it is about, itself or by its request, if it is about one."""
    txn.write(command.note, command.now)  # refuses what cannot be kept, and so cannot be looked up either
    found = txn.one(_RUN_OF, column(command.note.subject))
    txn.lines[-1] = txn.lines[-1]._replace(run=found[0] if found else None)
