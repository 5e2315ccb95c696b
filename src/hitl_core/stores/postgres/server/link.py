"""PostgreSQL as the shared commands see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import psycopg
from psycopg import RawCursor, errors
from psycopg.pq import TransactionStatus

from ....errors import RecordError, StoreUnavailable
from ...sql.tables import Name, Row, Taken, packed
from .dialect import put

Connection = psycopg.Connection[Any]


class PostgresLink:
    """One connection in a transaction. `wrote` says whether any row was changed in it, `lent` whether an effect had the
    connection: what that has set in its session stays, so that nobody should have it afterwards.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.wrote = self.lent = False

    def execute(self, sql: str, given: Sequence[Any] = (), /) -> RawCursor[Any]:
        cursor = RawCursor(self.connection)
        cursor.execute(put(sql), _given(given), binary=True)
        self.wrote |= cursor.rowcount > 0 and not (cursor.statusmessage or "").startswith("SELECT")
        return cursor

    def many(self, sql: str, given: Iterable[Sequence[Any]], /) -> None:
        rows = [_given(row) for row in given]
        if not rows:
            return
        # The last one by itself: after a pipeline the server does not count how long we are silent in a transaction.
        if first := rows[:-1]:
            RawCursor(self.connection).executemany(put(sql), first)
        RawCursor(self.connection).execute(put(sql), rows[-1], binary=True)
        self.wrote = True

    def insert(self, sql: str, given: Sequence[Any] = (), /) -> int:
        try:
            found = self.execute(f"{sql} RETURNING key", given).fetchone()
        except errors.UniqueViolation as exc:
            raise Taken(str(exc).strip()) from exc
        assert found is not None
        return int(found[0])

    def unsealed(self) -> list[Row]:
        return self.execute(_UNSEALED).fetchall()

    def unless_locked(self, *names: str) -> str:
        return f" FOR UPDATE OF {', '.join(names)} SKIP LOCKED"

    def seen(self) -> str:
        return str(self._one("SELECT pg_current_snapshot()::text"))

    def unseen(self, name: str, seen: str) -> tuple[str, tuple[Any, ...]]:
        oldest = int(seen.partition(":")[0])  # an index finds what is born since the oldest that was at work then
        visible = f"pg_visible_in_snapshot({name}.born::text::xid8, CAST(? AS pg_snapshot))"
        return f"{name}.born >= ? AND NOT {visible}", (oldest, seen)

    def tolerant(self) -> AbstractContextManager[None]:
        """PostgreSQL lets no text in that is not UTF-8."""
        return nullcontext()

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Meanwhile a row stands in `hitl_lent` with which no COMMIT succeeds, and changes to our tables are seen."""
        self.lent = True
        self.execute("INSERT INTO hitl_lent (run) VALUES (0)")
        ours = self._one("SELECT array_agg(oid) FROM pg_class WHERE starts_with(relname, 'hitl_')")
        before = self._one(_WRITTEN, ours)
        with self.connection.transaction(savepoint_name="hitl_lent"):  # its commit() and rollback() refuse
            yield self.connection
        if self._one(_WRITTEN, ours) != before or self._one(_CHANGED, ours):
            raise RecordError("an effect changed a table of hitl-core; it may write its own tables, no others")
        self.execute("DELETE FROM hitl_lent")

    def take_back(self, name: str, because: Exception) -> None:
        if self.connection.info.transaction_status not in _IN_TRANSACTION:
            # Not to be tried again: the effect would be called once more.
            why = f"the transaction was lost while an effect ran in it, and nothing of it was kept: {because}"
            raise StoreUnavailable(why) from because
        self.execute(f"ROLLBACK TO {name}")

    def _one(self, sql: str, *given: Any) -> Any:
        found = self.connection.execute(sql, given).fetchone()
        assert found is not None
        return found[0]


_IN_TRANSACTION: Final = (TransactionStatus.INTRANS, TransactionStatus.INERROR)

# A line belongs to a run by itself, or because a request of that run refers to it.
_UNSEALED: Final = """SELECT (SELECT COALESCE(MAX(seq), 0) FROM hitl_audit) + row_number() OVER
    (ORDER BY w.refused, w.key), w.at, w.event, w.subject, w.actor, w.body, w.kept,
    COALESCE(w.run, (SELECT q.run FROM hitl_requests q JOIN hitl_runs r ON r.key = q.run WHERE q.id = w.subject)),
    w.refused FROM hitl_raw w ORDER BY w.refused, w.key"""

_WRITTEN: Final = """SELECT SUM(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables
    WHERE relid = ANY(%s::oid[])"""

# To drop, to empty and to alter a table, it is locked like this.
_CHANGED: Final = """SELECT COUNT(*) FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock'
    AND relation = ANY(%s::oid[])"""


def _given(values: Sequence[Any]) -> list[Any]:
    return [_value(value) for value in values]


def _value(value: Any) -> Any:
    """Ids as their bytes, truth as a number, as SQLite keeps them."""
    if isinstance(value, Name):
        return packed(value)
    return int(value) if isinstance(value, bool) else value
