"""A fence around transactional effects: in our transaction the user's code may write its own tables, nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_WRITES: Final = {
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_DROP_TABLE,
    sqlite3.SQLITE_ALTER_TABLE,
}
_NEVER: Final = {sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}


@contextmanager
def only_their_own_tables(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Meanwhile COMMIT, ROLLBACK, PRAGMA, ATTACH and changes to `hitl_` tables raise sqlite3.DatabaseError."""
    connection.set_authorizer(_judge)
    try:
        yield connection
    finally:
        connection.set_authorizer(None)


def _judge(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    if action in _NEVER:
        return sqlite3.SQLITE_DENY
    # ALTER TABLE names the database first and the table second.
    table = second if action == sqlite3.SQLITE_ALTER_TABLE else first
    if action in _WRITES and (table or "").lower().startswith("hitl_"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
