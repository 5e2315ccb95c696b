"""Opening SQLite the one way we use it: WAL, FULL, foreign keys, and transactions that we begin ourselves."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from .failures import of_reading, unavailable
from .location import Location

T = TypeVar("T")

_BUSY_MS: Final = 10_000
_WRITER_CACHE_KIB: Final = 32_768


def connect(location: Location, *, writes: bool, create: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode. Raises StoreUnavailable, also for a file that is gone (unless `create`).

    One that does not write is told so; it can still take part in WAL recovery, unlike one opened read-only.
    """
    if create and location.path is not None:
        _make(location.path)
    mode = "rwc" if create else "rw"
    name = ":memory:" if location.path is None else f"file:{quote(str(location.path))}?mode={mode}"
    try:
        connection = sqlite3.connect(
            name, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
        )
    except sqlite3.Error as exc:
        raise unavailable(exc, location) from exc
    try:
        _configure(connection, writes or location.path is None)
    except (sqlite3.Error, UnicodeDecodeError) as exc:  # SQLite may name what it cannot read, in those very bytes
        connection.close()
        raise unavailable(exc, location) from exc
    return connection


def _make(file: Path) -> None:
    """Make the file for its owner alone, as its key is: arguments and answers lie in it. SQLite copies the mode to
    the files beside it; a file that is there keeps its own.
    """
    with suppress(OSError):  # what is wrong with the place is for SQLite to say
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _configure(connection: sqlite3.Connection, writes: bool) -> None:
    for pragma in (f"busy_timeout = {_BUSY_MS}", "foreign_keys = ON", "cell_size_check = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    if not writes:
        connection.execute("PRAGMA query_only = ON")
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # What is deleted is overwritten, so that what is erased is nowhere in the file. Some builds of SQLite do it anyway.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")


def folded(connection: sqlite3.Connection) -> bool:
    """Fold the write-ahead log into the file and empty it, without waiting; False while somebody reads an older state.

    What was erased is in the log until then.
    """
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    except sqlite3.Error:
        return False  # what was to be written is written; that is for nobody to fail by
    return not busy


class Readers:
    """Read connections, lent to one thread at a time; as many as there are reads at the same moment."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Let `work` read the latest commit, and only that one. Raises StoreUnavailable, RowCorrupt."""
        connection = self._take()
        try:
            connection.execute("BEGIN")
            found = work(connection)
            connection.execute("COMMIT")
        except (sqlite3.Error, UnicodeDecodeError) as exc:
            connection.close()
            raise of_reading(exc, self._location) from exc
        except BaseException:
            connection.rollback()
            self._give_back(connection)
            raise
        self._give_back(connection)
        return found

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._location, writes=False)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)


class OneConnection:
    """The readers of a store in memory: they share the writer's connection, and wait for each other."""

    def __init__(self, connection: sqlite3.Connection, guard: threading.RLock) -> None:
        self._connection = connection
        self._guard = guard

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As in Readers; inside a transactional effect it sees what that has written."""
        with self._guard:
            return work(self._connection)

    def close(self) -> None:
        return
