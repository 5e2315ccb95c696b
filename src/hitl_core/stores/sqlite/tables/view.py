"""What queries and commands read with: a connection, and a list of the rows that were found damaged on the way."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

log = logging.getLogger("hitl_core.stores")


@contextmanager
def tolerant(connection: sqlite3.Connection) -> Iterator[None]:
    """Meanwhile text that is not UTF-8 any more reads as other text; normally it fails the whole query."""
    connection.text_factory = lambda stored: stored.decode(errors="backslashreplace")
    try:
        yield
    finally:
        connection.text_factory = str


class View:
    """One consistent state of the database. `damaged` holds (what, id) of rows that were skipped."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.execute: Callable[..., sqlite3.Cursor] = connection.execute
        self.damaged: list[tuple[str, str]] = []

    def one(self, sql: str, *parameters: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found: tuple[Any, ...] | None = self.execute(sql, parameters).fetchone()
        return found

    def skip(self, what: str, name: str, because: Exception) -> None:
        """Go on without a damaged row; it is logged now and noted in the audit trail soon."""
        log.error("%s %s is skipped: %s", what, name, because)
        self.damaged.append((what, name))

    def pass_over(self, what: str, name: str, because: Exception) -> None:
        """Go on without a row that is in order, but not for this release; that is logged and nothing to repair."""
        log.warning("%s %s is passed over: %s", what, name, because)
