"""The hand of somebody who can write to the database, past us."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg

from tests.faults.places import Place


def change(place: Place, *statements: str, given: tuple[Any, ...] = ()) -> None:
    """Carry these out in one transaction; `?` stands for what is given to each of them."""
    if place.on_postgres:
        with psycopg.connect(place.url) as connection:
            for statement in statements:
                connection.execute(statement.replace("?", "%s"), given or None)
        return
    with closing(sqlite3.connect(place.folder / "store.db")) as file, file:
        for statement in statements:
            file.execute(statement, given)


def found(place: Place, query: str, *given: Any) -> list[tuple[Any, ...]]:
    """What is there, as it is stored."""
    if place.on_postgres:
        with psycopg.connect(place.url) as connection:
            return connection.execute(query.replace("?", "%s"), given or None).fetchall()
    with closing(sqlite3.connect(place.folder / "store.db")) as file:
        return file.execute(query, given).fetchall()
