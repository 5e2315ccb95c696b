"""Moving away from a store in a file: it is locked, read, and closed for good in the same act."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...audit import Custody, load_or_create
from ..sql.tables import View, read_anchor, read_tip
from ..sql.upkeep import AT_ONCE, Rows, Table
from .file import Location, MovedTo, SqliteLink, close_for_good, connect, folded, locked, migrate, unavailable


class SqliteLeaving:
    """The one transaction in which it is read and closed."""

    def __init__(self, connection: sqlite3.Connection, location: Location, custody: Custody) -> None:
        self._connection = connection
        self.url = f"sqlite:///{location.path}"
        self.custody = custody

    def view(self) -> View:
        return View(SqliteLink(self._connection))

    def rows(self, table: Table) -> Rows:
        found = self._connection.execute(f"SELECT * FROM {table.name}")  # noqa: S608
        names = [str(each[0]) for each in found.description]
        kept = [place for place, name in enumerate(names) if name not in table.left_out]
        return Rows(tuple(names[place] for place in kept), _rows(found, kept))

    def close_for_good(self, target: str, token: str) -> None:
        close_for_good(self._connection, MovedTo(target, token))
        self._connection.execute("COMMIT")


def _rows(found: sqlite3.Cursor, kept: list[int]) -> Iterator[tuple[Any, ...]]:
    while page := found.fetchmany(AT_ONCE):
        yield from (tuple(row[place] for place in kept) for row in page)


@contextmanager
def leaving(location: Location, key: Path, anchors: Path) -> Iterator[SqliteLeaving]:
    """Nobody else writes meanwhile. Unless it is closed for good, nothing is changed.

    Raises ConfigError, StoreMoved, StoreTooNew or StoreUnavailable.
    """
    with locked(location.beside(".lock")):
        connection = connect(location, writes=True)
        try:
            origin = migrate(connection, location)
            connection.execute("BEGIN IMMEDIATE")
            view = View(SqliteLink(connection))
            secret = load_or_create(key, lines=max(1, read_tip(view).size))  # never another one than it has
            yield SqliteLeaving(connection, location, Custody(secret, origin, anchors, read_anchor(view)))
            folded(connection)
        except sqlite3.Error as exc:
            raise unavailable(exc, location) from exc
        finally:
            connection.rollback()
            connection.close()
