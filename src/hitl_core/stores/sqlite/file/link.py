"""SQLite as the shared commands see it: they are written in its words, so hardly anything is left to say."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from ...sql.tables import Row, Rows, Taken
from .fence import only_their_own_tables


class SqliteLink:
    """One connection; who writes with it holds the write lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.execute: Callable[..., Rows] = connection.execute

    def ahead(self, sql: str, given: Sequence[Any] = (), /) -> None:
        """Nothing is far here."""

    def expects(self, table: str) -> None:
        """Nothing is far here."""

    def many(self, sql: str, given: Iterable[Sequence[Any]], /) -> None:
        self.connection.executemany(sql, given)

    def insert(self, sql: str, given: Sequence[Any] = (), /) -> int:
        try:
            return cast("int", self.connection.execute(sql, given).lastrowid)
        except sqlite3.IntegrityError as exc:
            raise Taken(str(exc)) from exc

    def store(self, sql: str, given: Sequence[Any] = (), /) -> int:
        return cast("int", self.connection.execute(sql, given).lastrowid)

    def unless_locked(self, *names: str) -> str:
        """One transaction writes at a time: nothing is locked by others."""
        return ""

    def unsealed(self) -> Sequence[Row]:
        return ()

    def seen(self) -> str:
        """Keys are committed in their order: behind a key nothing is late."""
        return ""

    def unseen(self, name: str, seen: str) -> tuple[str, tuple[Any, ...]]:
        """The cursor is another engine's: nothing before it is late here."""
        return "FALSE", ()

    @contextmanager
    def tolerant(self) -> Iterator[None]:
        """Meanwhile text that is not UTF-8 any more reads as other text; normally it fails the whole query."""
        self.connection.text_factory = lambda stored: stored.decode(errors="backslashreplace")
        try:
            yield
        finally:
            self.connection.text_factory = str

    def lend(self) -> AbstractContextManager[sqlite3.Connection]:
        return only_their_own_tables(self.connection)

    def take_back(self, name: str, because: Exception) -> None:
        if not self.connection.in_transaction:
            # SQLite has rolled back everything by itself (a full disk): the command as a whole did not happen.
            why = f"the transaction was lost while an effect ran in it: {because}"
            raise sqlite3.OperationalError(why) from because
        self.execute(f"ROLLBACK TO {name}")
