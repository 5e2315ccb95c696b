"""What is longer than a socket takes at once is sent whole before its answer is waited for."""

from __future__ import annotations

import threading

import pytest

from hitl_core.stores.postgres.server import Location, PostgresLink, connect

pytestmark = pytest.mark.postgres

LENGTHS = (1_000, 200_000, 1_000_000, 4_000_000)
PATIENCE = 30.0


def lengths(url: str, told: list[int]) -> None:
    with connect(Location.parse(url)) as connection:
        link = PostgresLink(connection)
        link.begin("BEGIN")
        for length in LENGTHS:
            (found,) = link.execute("SELECT length(?::text)", ("x" * length,)).fetchone()
            told.append(found)
        link.end("COMMIT")


def test_a_long_statement_is_answered(url: str) -> None:
    """In a thread, so that one that waits for ever fails here and holds up nobody."""
    told: list[int] = []
    asking = threading.Thread(target=lengths, args=(url, told), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    assert told == list(LENGTHS)
