"""Who is paid: the world outside, in each of the three ways in which an effect can be made safe.

ledger: it takes whatever comes, and only a person who looks there knows · idempotent: it knows each key once ·
transactional: it is a table beside ours, and takes part in the store's transaction
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from tests.faults.diary import LEDGER, Diary
from tests.faults.places import Place

_TABLE = "CREATE TABLE paid (key TEXT NOT NULL, orders TEXT NOT NULL, amount DOUBLE PRECISION NOT NULL)"
_ADD = "INSERT INTO paid (key, orders, amount) VALUES ({0}, {0}, {0})"
_ALL = "SELECT key, orders, amount FROM paid"


class Receiver:
    """What was paid at one place; any process may ask."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._keys = place.folder / "paid"

    def opens(self, mode: str) -> None:
        """Before the first payment; the store is there."""
        if mode == "idempotent":
            self._keys.mkdir()
        elif mode == "transactional":
            with contextlib.closing(self._connected()) as connection:
                connection.execute(_TABLE)
                connection.commit()

    def take(self, mode: str, key: str, order: str, amount: float, transaction: Any) -> None:
        line = {"tool": "refund", "key": key, "order": order, "amount": amount}
        if mode == "ledger":
            Diary(self._place.folder / LEDGER).write(**line)
        elif mode == "idempotent":
            self._once(json.dumps(line), key)
        else:
            transaction.execute(_ADD.format("%s" if self._place.on_postgres else "?"), (key, order, amount))

    def _once(self, line: str, key: str) -> None:
        """A key that is known changes nothing: `link` is all or nothing, and fails if the name is taken."""
        new = self._keys / f"{uuid4()}.new"
        new.write_text(line)
        with contextlib.suppress(FileExistsError):
            os.link(new, self._keys / key)
        new.unlink()

    @property
    def taken(self) -> list[dict[str, Any]]:
        """Every payment, as a line of the ledger."""
        if self._keys.exists():
            return [json.loads(each.read_text()) for each in self._keys.iterdir() if each.suffix != ".new"]
        return Diary(self._place.folder / LEDGER).lines or self._rows()

    def _rows(self) -> list[dict[str, Any]]:
        with contextlib.closing(self._connected()) as connection:
            try:
                rows = connection.execute(_ALL).fetchall()
            except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
                return []
        return [{"tool": "refund", "key": key, "order": order, "amount": amount} for key, order, amount in rows]

    def _connected(self) -> Any:
        if self._place.on_postgres:
            return psycopg.connect(self._place.url)
        return sqlite3.connect(Path(self._place.folder) / "store.db")
