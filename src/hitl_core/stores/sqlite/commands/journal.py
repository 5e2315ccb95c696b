"""The journal: results that a run must not compute twice. And lines that others add to the audit trail."""

from __future__ import annotations

from ....commands import Remember, WriteNote
from ....protocol import Json
from ..tables import Transaction, bodies
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


def write_note(txn: Transaction, command: WriteNote) -> None:
    txn.write(command.note, command.now)
