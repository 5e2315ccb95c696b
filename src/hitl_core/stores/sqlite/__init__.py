"""The embedded store: one SQLite file, no server.

    apply(command) ─► engine/   (queue and batches, one flock, one BEGIN)
                   ─► commands/ (one function per command: runs, endings, decisions, timers, effects, stops, guidance,
                       journal)
                   ─► erasing/  (a run, a person)
                   ─► tables/   (rows, bodies, the audit trail)
                   ─► file/     (COMMIT, then the doorbell wakes who waits, in any process)

    fetch(query)   ─► reading/  (one function per query, on a read connection) ─► tables/ ─► file/

A pause is two rows: a narrow one that moves, and a body that does not. Every change is chained into the audit trail
inside its own transaction (tables/trail.py).
"""

from .store import SqliteStore

__all__ = ["SqliteStore"]
