"""The columns of the database, by what can stand in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Final

from hitl_core.stores.sql.tables import bodies
from hitl_core.stores.sqlite.file import connect, migrate
from hitl_core.stores.sqlite.file.location import Location

BODIES: Final = {
    *("hitl_runs.input", "hitl_runs.checkpoint", "hitl_runs.output", "hitl_runs.tools"),
    *("hitl_requests.body", "hitl_requests.response", "hitl_votes.body"),
    *("hitl_effects.action", "hitl_effects.result", "hitl_journal.body"),
    *("hitl_overrides.original", "hitl_overrides.body"),
    *("hitl_drafts.body", "hitl_guidance.body", "hitl_comments.body", "hitl_grants.body"),
    *("hitl_slips.body", "hitl_said.body"),
}
"""Columns with the key of a body."""


def columns_of_new(path: Path) -> dict[str, str]:
    """Every column of a new store as `table.column`, with its type."""
    location = Location(path)
    connection = connect(location, writes=True, create=True)
    migrate(connection, location)
    sql = """SELECT m.name || '.' || c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
        WHERE m.type = 'table'"""
    found = dict(connection.execute(sql).fetchall())
    connection.close()
    return found


def without_a_row(path: Path) -> int:
    """How many bodies there are that no row leads to: whoever erases what is in them would not find them."""
    places = (name.split(".") for name in BODIES)
    held = " UNION ".join(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL" for table, column in places)
    connection = sqlite3.connect(path)
    (count,) = connection.execute(f"SELECT COUNT(*) FROM hitl_bodies WHERE key NOT IN ({held})").fetchone()
    connection.close()
    return int(count)


def written(file: Path, *, beside: Collection[str] = ()) -> str:
    """All that a database holds as text, bodies unpacked; without the rows of the tables `beside`."""
    left_out = ("hitl_bodies", *beside)
    with closing(sqlite3.connect(file)) as connection:
        rows = [line for line in connection.iterdump() if not any(f'INTO "{name}"' in line for name in left_out)]
        packed = [data for (data,) in connection.execute("SELECT data FROM hitl_bodies")]
    return "\n".join([*rows, *(bodies.unpack(data).decode() for data in packed)])
