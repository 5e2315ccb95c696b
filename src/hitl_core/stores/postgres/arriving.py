"""Moving into a database: everything in one transaction, which the last word of the other store makes count.

Until that is known the table `hitl_arriving` stands beside them, and nobody uses what has arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from ...audit import Custody, hand_on, hand_on_anchors
from ...errors import StoreError
from ..sql.tables import Name as Text
from ..sql.tables import Tip, View, column, packed, read_tip
from ..sql.upkeep import TABLES, Leaving, Moved, Table, hand_over, verified
from .server import Location, PostgresLink, migrate
from .server.connection import Connection


@dataclass(frozen=True, slots=True)
class Arriving:
    """What is to be done on one connection. `key` and `anchors` are the files of the store that is made."""

    connection: Connection
    location: Location

    def receive(self, leaving: Leaving, token: str, now: datetime, *, key: Path, anchors: Path) -> Moved:
        """Everything that the other store has, and a line that says so; what it says about its trail is tried first.

        Raises StoreError if there is something here already, or anything is not as it should be; then nothing is kept.
        """
        custody = leaving.custody
        said = verified(leaving.view(), custody)
        with self.connection.transaction():
            self._make_room()
            migrate(self.connection, self.location)
            self.connection.execute(
                "UPDATE hitl_store SET origin = %s, anchor = %s", (custody.origin, custody.remembered)
            )
            rows = sum(self._copied(table, leaving) for table in TABLES)
            tip = self._tried(custody, read_tip(leaving.view()))
            self._go_on(custody, tip, now)
            self.connection.execute("CREATE TABLE hitl_arriving (source TEXT NOT NULL, token TEXT NOT NULL)")
            self.connection.execute("INSERT INTO hitl_arriving VALUES (%s, %s)", (leaving.url, token))
            hand_on(key, custody.secret)
            hand_on_anchors(custody.anchors, anchors)
        return Moved(said.lines, rows)

    def finish(self, token: str) -> bool:
        """What has arrived by this act counts from now on. False if nothing has, True also if it did before."""
        with self.connection.transaction():
            if self.connection.execute(_IS_THERE, ("hitl_arriving",)).fetchone() == (None,):
                return self.connection.execute(_IS_THERE, ("hitl_store",)).fetchone() != (None,)
            if self.connection.execute("SELECT 1 FROM hitl_arriving WHERE token = %s", (token,)).fetchone() is None:
                return False
            self.connection.execute("DROP TABLE hitl_arriving")
        return True

    def _make_room(self) -> None:
        """Tables that nothing is in, or that were left by an act that was broken off, are made anew."""
        unfinished = self.connection.execute(_IS_THERE, ("hitl_arriving",)).fetchone() != (None,)
        if not unfinished and self.connection.execute(_IS_THERE, ("hitl_store",)).fetchone() == (None,):
            return
        if not unfinished and self.connection.execute(_USED).fetchone() is not None:
            raise StoreError(
                f"the store {self.location} is in use; give a database, or a schema, with nothing of ours in it"
            )
        for kind, name in self.connection.execute(_OURS).fetchall():
            what = {"r": sql.SQL("TABLE"), "v": sql.SQL("VIEW"), "S": sql.SQL("SEQUENCE")}[kind]
            self.connection.execute(sql.SQL("DROP {} IF EXISTS {} CASCADE").format(what, sql.Identifier(name)))

    def _copied(self, table: Table, leaving: Leaving) -> int:
        columns, rows = leaving.rows(table)
        numbered = table.name == "hitl_audit"  # rows refer to a line by what was its number there
        names = (*columns, "line") if numbered else columns
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        count = 0
        with self.connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in _as_here(table, columns, rows):
                copy.write_row((*row, row[0]) if numbered else row)
                count += 1
        if columns[0] == "key":
            self.connection.execute(sql.SQL(_NEXT).format(table=sql.Identifier(table.name), name=table.name))
        return count

    def _tried(self, custody: Custody, there: Tip) -> Tip:
        """Where the trail ends here: as it did there, read line by line."""
        view = View(PostgresLink(self.connection))
        tip, report = read_tip(view), verified(view, custody)
        if (tip, report.lines) != (there, there.size):
            raise StoreError(f"{report.lines} lines of the audit trail have arrived, and there were {there.size}")
        return tip

    def _go_on(self, custody: Custody, tip: Tip, now: datetime) -> None:
        line, (size, mac) = hand_over(custody, tip, now)
        at, event, subject, actor, body, *_ = line
        named = column(subject)
        stored = packed(named) if isinstance(named, Text) else named
        given = (size, at, event, stored, actor, body, mac, size)
        self.connection.execute(_LINE, given)


def _as_here(table: Table, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    ids = [place for place, name in enumerate(columns) if name in table.ids]
    if not ids:
        yield from rows
    for row in rows:
        changed = list(row)
        for place in ids:
            if isinstance(row[place], str):
                changed[place] = packed(Text(row[place]))
        yield tuple(changed)


_IS_THERE: Final = "SELECT to_regclass(%s)"

_USED: Final = """SELECT 1 FROM hitl_runs UNION ALL SELECT 1 FROM hitl_audit UNION ALL SELECT 1 FROM hitl_raw
    UNION ALL SELECT 1 FROM hitl_grants UNION ALL SELECT 1 FROM hitl_stops LIMIT 1"""

_OURS: Final = """SELECT relkind::text, relname FROM pg_class
    WHERE relkind IN ('r', 'v', 'S') AND starts_with(relname, 'hitl_')
    AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('hitl_store'))
    ORDER BY relkind = 'r' DESC"""

_NEXT: Final = """SELECT setval(pg_get_serial_sequence({name}, 'key'), COALESCE(MAX(key), 1), MAX(key) IS NOT NULL)
    FROM {table}"""

_LINE: Final = """INSERT INTO hitl_audit (seq, at, event, subject, actor, body, mac, line)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
