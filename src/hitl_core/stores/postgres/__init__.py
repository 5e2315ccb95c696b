"""The store for many machines: one PostgreSQL database, any number of processes.

    apply(command) ─► engine/  (one transaction each: what it needs is locked first, then everybody else goes on)
                   ─► ../sql/  (one function per command, the same as for SQLite)
                   ─► server/  (COMMIT, then NOTIFY wakes who waits, on any machine)

    fetch(query)   ─► server/  (a read-only transaction on one snapshot) ─► ../sql/ (one function per query)

What is ours here: connections and their loss, what a command locks, retries, the schema and its migrations, and how
PostgreSQL says what the shared statements say in SQLite's words (decision 0040).
"""

from .store import PostgresStore

__all__ = ["PostgresStore"]
