"""A store of its own for each thing that is tried: a file in its folder, or a schema in a database that is given.

with own_store("", folder) as url: …                                  # sqlite:///store.db
with own_store("postgresql://user@host/test", folder) as url: …       # the same database, and a schema made for this
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigError, Fault

A_FILE: Final = "sqlite:///store.db"
"""The URL of a store in the folder of whatever is tried."""

_SERVERS: Final = ("postgresql://", "postgres://")
_FILES: Final = ("", "sqlite://", "sqlite:///")


def is_server(url: str) -> bool:
    """Whether a store is on a server, where the processes that share it need not share a folder."""
    return url.startswith(_SERVERS)


@contextmanager
def own_store(database: str, folder: Path) -> Iterator[str]:
    """The URL of a new store for whatever has this folder; a schema ends with it. Raises ConfigError.

    `database` is where: `postgresql://…`, or `sqlite://` or "" for a file in the folder.
    """
    if database in _FILES:
        yield A_FILE
        return
    if not is_server(database):
        why = f"{database!r} is neither sqlite:// (a file each) nor postgresql://… (a schema each)"
        raise ConfigError([Fault("store", f"{why}: a new store cannot be made there")])
    name = f"hitl_try_{sha256(str(folder).encode()).hexdigest()[:16]}"
    _order(database, f"CREATE SCHEMA {name}")  # a name of our own
    try:
        yield f"{database}{'&' if '?' in database else '?'}options=-csearch_path%3D{name}"
    finally:
        _order(database, f"DROP SCHEMA {name} CASCADE")


def ask(url: str, folder: Path, *statements: str) -> Any:
    """Carry out statements on the database of a store, beside the store; the first value that the last one finds."""
    if is_server(url):
        return _asked_server(url, *statements)
    with closing(sqlite3.connect(folder / url.removeprefix("sqlite:///"))) as file:
        *before, last = statements
        for each in before:
            file.execute(each)
        found = file.execute(last).fetchone()
    return None if found is None else found[0]


def _asked_server(url: str, *statements: str) -> Any:
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        *before, last = statements
        for each in before:
            server.execute(each)
        found = server.execute(last).fetchone()
    return None if found is None else found[0]


def _order(database: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(database, autocommit=True) as server:
        server.execute("SET client_min_messages = warning")  # each table that goes with a schema would be a notice
        server.execute(statement)
