"""A storm on a server that is started for it, and stopped in it: `python -m tests.postgres.storm crewai`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg

from hitl_core.testing.storm.__main__ import main
from tests.postgres.server import a_server, restart


@contextmanager
def a_large_server() -> Iterator[str]:
    """A server for a crew: each of its eight processes has connections of its own."""
    with a_server() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_connections = 300")
        restart(url)
        yield url


if __name__ == "__main__":
    with a_large_server() as url:
        code = main(sys.argv[1:], database=url, restart=partial(restart, url))
    raise SystemExit(code)
