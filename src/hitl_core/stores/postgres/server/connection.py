"""Connections: psycopg's pool, each lent to one thread at a time. None is trusted after the server was gone.

Through a pooler in transaction mode they keep no state between transactions and prepare no statement by name. Where
nothing stands in between, which each new connection finds out, its settings stay and its statements are prepared.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from ....errors import StoreUnavailable
from .failures import UNPREPARED, is_lost, to_be_tried_again, unavailable
from .link import AskedMore, PostgresLink
from .location import Location
from .options import Options

T = TypeVar("T")

_SECONDS_TO_CONNECT: Final = 10
_PREPARED: Final = 256
"""Statements that a connection keeps prepared."""

_MAKING: Final = 2
"""Connections that the pool makes at the same moment."""

_TRIES: Final = _MAKING + 2
"""How often a read is tried: when the server went away, those that were being made may come out lost as well."""

_NOTICES_SILENCE: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 4,
    "tcp_user_timeout": 13_000,
}
"""A network that is cut says nothing: after 13 s without a sign of the other machine a connection is lost. What the URL
says of it counts more.
"""

IDLE_MS: Final = 5_000
"""How long a transaction may stand still: a worker that is frozen in one, or cut off, must not hold up a stop of
everything. Less than the wait for a lock, so that who waits gets it."""

WAIT: Final = 10.0
"""Seconds for which a thread waits for a connection."""

_ANEW: Final = 1.0
"""Seconds after which the pool gives up a connection that it cannot make. It would wait twice as long after each try,
for a server that was away for minutes, minutes more. So it begins anew for whoever asks again.
"""

# The number that a pooler gives its clients is not that of the server's process.
_IS_DIRECT: Final = "SELECT pg_backend_pid()"
# Whatever the database is set to, what was acknowledged is on its disk.
_SET: Final = """SELECT set_config('statement_timeout', %s, {local}), set_config('lock_timeout', %s, {local}),
    set_config('idle_in_transaction_session_timeout', %s, {local}), set_config('synchronous_commit', 'on', {local}),
    set_config('tcp_keepalives_idle', '5', {local}), set_config('tcp_keepalives_interval', '2', {local}),
    set_config('tcp_keepalives_count', '4', {local})"""


class Connection(psycopg.Connection[Any]):
    """`direct`: nothing stands between it and the server. `made`: when, by the monotonic clock."""

    direct: bool = False
    made: float = 0.0


def connect(location: Location) -> Connection:
    """A connection of one's own on which we begin and end transactions ourselves. Raises psycopg.Error."""
    return Connection.connect(**_how(location))


def _how(location: Location) -> dict[str, Any]:
    ours = {"autocommit": True, "prepare_threshold": None, "application_name": "hitl-core"}
    return {**_NOTICES_SILENCE, **conninfo_to_dict(location.url), **ours, "connect_timeout": _SECONDS_TO_CONNECT}


def _is_direct(connection: psycopg.Connection[Any]) -> bool:
    return isinstance(connection, Connection) and connection.direct


class Connections:
    """As many as there is work at the same moment, but no more than the options say. Each is made on first use."""

    def __init__(self, location: Location, options: Options | None = None) -> None:
        self._location = location
        self._options = options or Options()
        self._guard = threading.Lock()
        self._replaced_at = 0.0
        self._direct = True
        self._pool = ConnectionPool(
            connection_class=Connection,
            kwargs=_how(location),
            configure=self._configure,
            min_size=0,
            max_size=self._options.connections,
            num_workers=_MAKING,
            timeout=WAIT,
            reconnect_timeout=_ANEW,
            name="hitl-store",
            open=True,
        )

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """A connection outside of a transaction; one that comes back otherwise, or broken, is let go of.

        Raises StoreUnavailable if none comes free in time.
        """
        try:
            connection = self._lent()
        except PoolClosed as exc:
            raise StoreUnavailable(f"the store {self._location} is closed; open it again") from exc
        except PoolTimeout as exc:
            raise self._why_none() from exc
        try:
            yield connection
        finally:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.close()
            self._pool.putconn(connection)

    def _lent(self) -> Connection:
        """A connection of the pool, asked for again and again: what it has given up, it begins anew for who asks."""
        until = time.monotonic() + WAIT
        while (left := until - time.monotonic()) > 2 * _ANEW:
            with suppress(PoolTimeout):
                return self._pool.getconn(timeout=2 * _ANEW)
        return self._pool.getconn(timeout=max(left, _ANEW))

    def begin(self, link: PostgresLink, how: str, *, ends: str = "") -> None:
        """Begin a transaction; its statements are sent together as far as nobody waits for what they find.

        `ends` as in PostgresLink.begin.
        """
        link.begin(how, ends=ends)
        if not _is_direct(link.connection):
            link.execute(_SET.format(local="true").replace("%s", "?"), (*self._options.timeouts, str(IDLE_MS)))

    def read(self, work: Callable[[PostgresLink], T], *, quickly: bool = False) -> T:
        """Let `work` read one consistent state. A lost connection is replaced. Raises StoreUnavailable.

        `quickly`: it hardly ever asks for more than goes into one round, so its end is said with that. If it does, it
        begins anew.
        """
        for tried in range(1, _TRIES + 1):
            try:
                return self._read(work, ends=_READ if quickly and tried == 1 else "")
            except AskedMore:
                pass
            except psycopg.Error as exc:
                if tried == _TRIES or not to_be_tried_again(exc):
                    raise unavailable(exc, self._location) from exc
        raise AssertionError("the last try returns or raises")

    def failed(self, connection: psycopg.Connection[Any], because: BaseException) -> None:
        """Learn from a failure. If the server was gone, whatever was connected to it by then is replaced."""
        if isinstance(because, UNPREPARED):
            self._direct = False
        elif not isinstance(because, psycopg.Error) or not is_lost(because):
            return
        with self._guard:
            if not isinstance(connection, Connection) or connection.made > self._replaced_at:
                self._replaced_at = time.monotonic()
                self._pool.drain()

    def close(self) -> None:
        self._pool.close()

    def _read(self, work: Callable[[PostgresLink], T], *, ends: str = "") -> T:
        with self.one() as connection:
            link = PostgresLink(connection)
            try:
                self.begin(link, _READING, ends=ends)
                found = work(link)
                link.end(_READ)
            except BaseException as exc:
                link.undo()
                self.failed(connection, exc)
                raise
            return found

    def _configure(self, connection: Connection) -> None:
        connection.made = time.monotonic()
        said = connection.execute(_IS_DIRECT).fetchone()
        connection.direct = self._direct and said is not None and said[0] == connection.info.backend_pid
        if connection.direct:
            connection.execute(_SET.format(local="false"), (*self._options.timeouts, str(IDLE_MS)))
        prepares = connection.direct if self._options.prepare is None else self._options.prepare and self._direct
        connection.prepare_threshold = 2 if prepares else None
        connection.prepared_max = _PREPARED if prepares else None

    def _why_none(self) -> StoreUnavailable:
        """The pool does not say why it could not connect: whoever tries once more finds out."""
        try:
            connect(self._location).close()
        except psycopg.Error as exc:
            return unavailable(exc, self._location)
        return StoreUnavailable(
            f"all {self._options.connections} connections to {self._location} were at work for {WAIT:g} seconds; try "
            "again, or allow more of them (`connections` in [store])"
        )


_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_READ: Final = "COMMIT"
