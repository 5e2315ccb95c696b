"""PostgreSQL as the shared commands see it."""

from __future__ import annotations

import re
import selectors
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import RawCursor, errors
from psycopg.pq import TransactionStatus

from ....errors import RecordError, StoreUnavailable
from ...sql.tables import Name, Row, Rows, Taken, packed
from .dialect import put

if TYPE_CHECKING:
    from .numbers import Numbers

Connection = psycopg.Connection[Any]


class Found:
    """What came of a statement. It may not have been carried out yet: whoever asks what it found waits for it."""

    __slots__ = ("_cursor", "_link", "_sent")

    def __init__(self, link: PostgresLink, cursor: RawCursor[Any], sent: int) -> None:
        self._link = link
        self._cursor = cursor
        self._sent = sent

    @property
    def rowcount(self) -> int:
        self._link.arrive(self._sent)
        return self._cursor.rowcount

    def fetchone(self) -> Any:
        self._link.arrive(self._sent)
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        self._link.arrive(self._sent)
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def from_the_start(self) -> Found:
        """The same once more, for who asks the same."""
        if self.rowcount > 0:
            self._cursor.scroll(0, "absolute")
        return self


class AskedMore(Exception):
    """More was asked than goes into one round."""


class PostgresLink:
    """One connection. Once a transaction has begun, statements wait for the next one of which the answer is needed, and
    are sent together with it: the server is never left waiting in the middle, where it does not count for how long.

    `lent`: an effect had the connection. What that has set in its session stays, so nobody should have it afterwards.
    """

    def __init__(self, connection: Connection, numbers: Numbers | None = None) -> None:
        self.connection = connection
        self._numbers = numbers
        self._keys: defaultdict[str, deque[Found]] = defaultdict(deque)
        self.lent = False
        self.rounds = 0
        self._waiting: list[Callable[[], object]] | None = None
        self._ends = ""
        self._sending = ExitStack()
        self._pipeline: psycopg.Pipeline | None = None
        self._writes: list[RawCursor[Any]] = []
        self._ahead: dict[str, dict[tuple[Any, ...], Found]] = {}

    # ── the transaction ──────────────────────────────────────────────────────────────────────────────────────

    def begin(self, how: str, *, ends: str = "") -> None:
        """`ends`: how it ends, to be said with the first round, after which nothing more may be asked: AskedMore."""
        self._writes.clear()
        self._ends = ends
        self.rounds = 0
        self._waiting = []
        self._pipeline = self._sending.enter_context(self.connection.pipeline())
        self._do(partial(self.connection.execute, how, prepare=False))

    def end(self, how: str, behind: Sequence[str] = ()) -> None:
        """Carry out what is left, then end. What fails is raised here at the latest.

        In two rounds: who is cut off between them is ended by the server, which does not count in the middle of one.
        `behind`: to be said on a channel once it has ended, in the same round; whether that succeeds changes nothing.
        """
        self.arrive(self.rounds)
        if self._ends and self.rounds:
            return self.leave()
        self.rounds += 1
        ended = self.connection.execute(how, prepare=False)
        if behind:
            self.connection.execute(SAY, behind, prepare=False)
        try:
            self.leave()
        except psycopg.Error:
            if not behind or ended.statusmessage != how:
                raise

    def arrive(self, sent: int) -> None:
        """Carry out what was said in that round, if it was not yet."""
        if not self._waiting or sent != self.rounds:
            return
        if self._ends and self.rounds:
            raise AskedMore
        waiting, self._waiting = self._waiting, []
        self.rounds += 1
        for work in waiting:
            work()
        if self._ends:
            self.connection.execute(self._ends, prepare=False)
        assert self._pipeline is not None, "it was begun"
        self._send_off()
        self._pipeline.sync()  # to end it here would leave the server in the middle: psycopg asks for more then

    def leave(self) -> None:
        """Forget what was not said yet. From now on each statement is carried out by itself."""
        self._waiting = self._pipeline = None
        self._ahead.clear()
        self._keys.clear()
        try:
            self._send_off()
        finally:
            self._sending.close()

    def _send_off(self) -> None:
        """Send what libpq still holds of a long statement: psycopg would wait for the answer to it before (3.3.9)."""
        connection = self.connection.pgconn
        if self.connection.closed or not connection.flush():
            return
        with selectors.DefaultSelector() as either:
            either.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while connection.flush():
                if any(events & selectors.EVENT_READ for _, events in either.select()):
                    connection.consume_input()

    def _do(self, work: Callable[[], object]) -> None:
        if self._waiting is None:
            work()
        else:
            self._waiting.append(work)

    def undo(self) -> None:
        """Nothing is kept; a connection that is gone has seen to that by itself."""
        with suppress(psycopg.Error):
            self.leave()
        if not self.connection.broken and not self.connection.closed:
            self.connection.execute("ROLLBACK")

    @property
    def wrote(self) -> bool:
        """Whether any row was changed, once the transaction is at its end."""
        return any(cursor.rowcount > 0 for cursor in self._writes)

    # ── statements ───────────────────────────────────────────────────────────────────────────────────────────

    def execute(self, sql: str, given: Sequence[Any] = (), /) -> Rows:
        early = self._ahead[sql].get(tuple(given)) if sql in self._ahead else None
        return self._send(sql, given) if early is None else early.from_the_start()

    def ahead(self, sql: str, given: Sequence[Any] = (), /) -> None:
        asked = self._ahead.setdefault(sql, {})
        if self._waiting is not None and tuple(given) not in asked:
            asked[tuple(given)] = self._send(sql, given)

    def many(self, sql: str, given: Iterable[Sequence[Any]], /) -> None:
        rows = [_given(row) for row in given]
        if not rows:
            return
        cursor = RawCursor(self.connection)
        self._do(partial(cursor.executemany, put(sql), rows))
        self._writes.append(cursor)
        self._forget(sql)

    def _send(self, sql: str, given: Sequence[Any]) -> Found:
        cursor = RawCursor(self.connection)
        self._do(partial(cursor.execute, put(sql), _given(given), binary=True))
        if not sql.startswith("SELECT"):
            self._writes.append(cursor)
            self._forget(sql)
        return Found(self, cursor, self.rounds)

    def expects(self, table: str) -> None:
        if self._waiting is not None:
            self._keys[table].append(self._send(_NEXT_KEY, (table,)))

    def store(self, sql: str, given: Sequence[Any] = (), /) -> int:
        if self._numbers is None:
            return self.insert(sql, given)
        key = self._numbers.take(self)
        self._send(_keyed(sql), (key, *given))
        return key

    def _forget(self, sql: str) -> None:
        """What was asked ahead and may be otherwise after this."""
        written = _WRITTEN_TO.match(sql)
        for asked in [each for each in self._ahead if written is None or written[1] in each]:
            del self._ahead[asked]

    def insert(self, sql: str, given: Sequence[Any] = (), /) -> int:
        if keys := self._keys.get(sql.split(maxsplit=3)[2]):
            (key,) = keys.popleft().fetchone()
            self._send(_keyed(sql), (key, *given))
            return int(key)
        try:
            found = self.execute(f"{sql} RETURNING key", given).fetchone()
        except errors.UniqueViolation as exc:
            raise Taken(str(exc).strip()) from exc
        return int(found[0])

    def unsealed(self) -> list[Row]:
        return self.execute(_UNSEALED).fetchall()

    def unless_locked(self, *names: str) -> str:
        return f" FOR UPDATE OF {', '.join(names)} SKIP LOCKED"

    def seen(self) -> str:
        return str(self.execute("SELECT pg_current_snapshot()::text").fetchone()[0])

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
        self.arrive(self.rounds)
        self.leave()
        self.execute("INSERT INTO hitl_lent (run) VALUES (0)")
        ours = self._one("SELECT array_agg(oid) FROM pg_class WHERE starts_with(relname, 'hitl_')")
        before = self._one(_WRITTEN, ours)
        if before is None:
            raise RecordError(f"{_NOT_COUNTED}; it did not run")
        with self.connection.transaction(savepoint_name="hitl_lent"):  # its commit() and rollback() refuse
            yield self.connection
        after = self._one(_WRITTEN, ours)
        if after is None:
            raise RecordError(f"an effect turned it off: {_NOT_COUNTED}; nothing of it was kept")
        if after != before or self._one(_CHANGED, ours):
            raise RecordError("an effect changed a table of hitl-core; it may write its own tables, no others")
        self.execute("DELETE FROM hitl_lent")

    def take_back(self, name: str, because: Exception) -> None:
        with suppress(psycopg.Error):
            self.leave()
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

SAY: Final = "SELECT pg_notify(%s, %s)"

_NEXT_KEY: Final = "SELECT nextval(pg_get_serial_sequence(?, 'key'))"


_WRITTEN_TO: Final = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")


@cache
def _keyed(sql: str) -> str:
    """The same statement with a key of our own, which comes first."""
    return sql.replace("(", "(key, ", 1).replace("VALUES (", "OVERRIDING SYSTEM VALUE VALUES (?, ", 1)


# A line belongs to a run by itself, or because a request of that run refers to it.
_UNSEALED: Final = """SELECT (SELECT COALESCE(MAX(seq), 0) FROM hitl_audit) + row_number() OVER
    (ORDER BY w.refused, w.key), w.at, w.event, w.subject, w.actor, w.body, w.kept,
    COALESCE(w.run, (SELECT q.run FROM hitl_requests q JOIN hitl_runs r ON r.key = q.run WHERE q.id = w.subject)),
    w.refused FROM hitl_raw w ORDER BY w.refused, w.key"""

_NOT_COUNTED: Final = (
    "an effect in the store's transaction needs the server's setting track_counts = on, without which nobody sees "
    "whether it changes a table of hitl-core; turn it on (it is by default), or give the tool another effect mode"
)

# Without that setting nothing is counted, and this is NULL.
_WRITTEN: Final = """SELECT CASE WHEN current_setting('track_counts')::boolean
    THEN COALESCE(SUM(n_tup_ins + n_tup_upd + n_tup_del), 0) END
    FROM pg_stat_xact_user_tables WHERE relid = ANY(%s::oid[])"""

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
