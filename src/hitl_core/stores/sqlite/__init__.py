"""The embedded store: one SQLite file, no server.

    apply(command) ─► writer.py ─► engine.py ─► one function per command ─► COMMIT ─► doorbell.py
                      (queue,      (one flock,   (runs, endings, decisions,            (wakes who waits,
                       batches)     one BEGIN)    timers, effects, stops, journal)      in any process)

    fetch(query)   ─► a read connection ─► one function per query (queries, inbox)

A pause is two rows: a narrow one that moves, and a body that does not. Every change is chained into the audit trail
inside its own transaction (trail.py).
"""

from .store import SqliteStore

__all__ = ["SqliteStore"]
