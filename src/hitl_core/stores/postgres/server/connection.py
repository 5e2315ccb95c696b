"""Connections: each is lent to one thread at a time, and none is trusted after the server was gone.

They keep no state between transactions and prepare no statement by name, so that a pooler may stand in between.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ....errors import StoreUnavailable
from .failures import unavailable
from .location import Location

T = TypeVar("T")
Connection = psycopg.Connection[Any]

MOST: Final = 8
"""Connections of one store that work at the same time."""

_SECONDS_TO_CONNECT: Final = 10

_NOTICES_SILENCE: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 4,
    "tcp_user_timeout": 13_000,
}
"""A network that is cut says nothing: after 13 s without a sign of the other machine a connection is lost. What the URL
says of it counts more.
"""

_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def connect(location: Location) -> Connection:
    """A connection on which we begin and end transactions ourselves. Raises psycopg.Error."""
    url: dict[str, Any] = {**_NOTICES_SILENCE, **conninfo_to_dict(location.url)}
    url |= {"application_name": "hitl-core", "connect_timeout": _SECONDS_TO_CONNECT}
    return psycopg.connect(**url, autocommit=True, prepare_threshold=None)


class Connections:
    """As many as there is work at the same moment, but no more than `most`."""

    def __init__(self, location: Location, *, most: int = MOST) -> None:
        self._location = location
        self._idle: deque[Connection] = deque()
        self._room = threading.BoundedSemaphore(most)
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """A connection outside of a transaction; one that comes back otherwise, or broken, is let go of."""
        if self._closed:
            raise StoreUnavailable(f"the store {self._location} is closed; open it again")
        with self._room:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Let `work` read one consistent state. A lost connection is replaced, once. Raises StoreUnavailable."""
        try:
            return self._read(work)
        except psycopg.OperationalError:
            self._drop_idle()
        except psycopg.Error as exc:
            raise unavailable(exc, self._location) from exc
        try:
            return self._read(work)
        except psycopg.Error as exc:
            raise unavailable(exc, self._location) from exc

    def lost(self) -> None:
        """The server was gone: what is idle was connected to it."""
        self._drop_idle()

    def close(self) -> None:
        self._closed = True
        self._drop_idle()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.one() as connection:
            connection.execute(_READING)
            try:
                return work(connection)
            finally:
                if not connection.broken:
                    connection.execute("ROLLBACK")

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._location)

    def _give_back(self, connection: Connection) -> None:
        if self._closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()
        else:
            self._idle.append(connection)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()
