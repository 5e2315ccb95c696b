"""The embedded store: one SQLite file, no server.

    apply(command) ─► engine/   (queue and batches, one flock, one BEGIN)
                   ─► ../sql/   (one function per command, on the rows of the tables)
                   ─► file/     (COMMIT, then the doorbell wakes who waits, in any process)

    fetch(query)   ─► file/     (a read connection) ─► ../sql/ (one function per query)

A pause is two rows: a narrow one that moves, and a body that does not. Every change is chained into the audit trail
inside its own transaction (sql/tables/trail.py).
"""

from .store import SqliteStore

__all__ = ["SqliteStore"]
