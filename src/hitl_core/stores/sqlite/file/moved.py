"""A file that was moved away from: what it held stands under other names, and a table says where everything is now.

So every statement of ours fails there, also those of processes that had opened it before; and it is said why.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final, NamedTuple
from urllib.parse import quote

from ....errors import StoreMoved
from .location import Location


class MovedTo(NamedTuple):
    """Where it is now, and by which act it came there."""

    target: str
    token: str


_THERE: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'hitl_moved_to'"


def moved_to(connection: sqlite3.Connection) -> MovedTo | None:
    """Where everything is now; None if it is here."""
    if connection.execute(_THERE).fetchone() is None:
        return None
    return MovedTo(*connection.execute("SELECT target, token FROM hitl_moved_to").fetchone())


def refuse_moved(connection: sqlite3.Connection, location: Location) -> None:
    """Raises StoreMoved."""
    moved = moved_to(connection)
    if moved is not None:
        raise _refusal(location, moved)


def why_gone(error: Exception, location: Location) -> StoreMoved | None:
    """What it means that our tables are not there, to who had opened the file before."""
    if location.path is None or not str(error).startswith("no such table: hitl_"):
        return None
    with closing(sqlite3.connect(f"file:{quote(str(location.path))}?mode=rw", uri=True)) as connection:
        moved = moved_to(connection)
    return None if moved is None else _refusal(location, moved)


def _refusal(location: Location, moved: MovedTo) -> StoreMoved:
    return StoreMoved(f"the store {location} is closed: all of it was moved to {moved.target}")


def close_for_good(connection: sqlite3.Connection, moved: MovedTo) -> None:
    """Inside the transaction that closes it."""
    ours = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'hitl!_%' ESCAPE '!'"
    for (name,) in connection.execute(ours).fetchall():
        if name != "hitl_store":
            connection.execute(f"ALTER TABLE {name} RENAME TO moved_{name}")
    connection.execute("CREATE TABLE hitl_moved_to (target TEXT NOT NULL, token TEXT NOT NULL)")
    connection.execute("INSERT INTO hitl_moved_to VALUES (?, ?)", moved)
