"""Stores filled with open pauses in bulk: one is made through the store, and its rows are the pattern of the rest.

Every table of the store is looked at, and one that the pattern does not know is an error: when the store writes
something new, this says so instead of measuring what no store holds. Ids, digests and seals are each row's own, made by
the store's own functions. `checked` then looks at the store through the store's own eyes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from hitl_core.audit import Chain, Custody, verify
from hitl_core.commands import ListRequests, OpenRun, PauseRun
from hitl_core.contracts import Store
from hitl_core.protocol import new_id
from hitl_core.stores.sql.tables import bodies, column
from hitl_core.stores.sqlite import SqliteStore

from .filled import request_record, run_record

AT_ONCE: Final = 10_000
"""Pauses that are written in one transaction."""

WAITS: Final = timedelta(days=30)

COPIED: Final = ("hitl_runs", "hitl_bodies", "hitl_requests", "hitl_audit")
"""Tables that have rows of their own for each pause, in the order in which they are written."""

SHARED: Final = ("hitl_store", "hitl_apps", "hitl_audiences", "hitl_origins")
"""Tables whose rows many pauses have in common."""

KEYS: Final = {
    ("hitl_runs", "key"): "hitl_runs",
    ("hitl_runs", "input"): "hitl_bodies",
    ("hitl_runs", "checkpoint"): "hitl_bodies",
    ("hitl_requests", "key"): "hitl_requests",
    ("hitl_requests", "run"): "hitl_runs",
    ("hitl_requests", "body"): "hitl_bodies",
    ("hitl_bodies", "key"): "hitl_bodies",
    ("hitl_audit", "seq"): "hitl_audit",
    ("hitl_audit", "run"): "hitl_runs",
}
"""Columns that hold the key of a row, and of which table: each pause adds to them as many as it has rows there."""

_SEALED: Final = ("seq", "at", "event", "subject", "actor", "body")

Values = list[Any]


class Tables(Protocol):
    """A database as it is filled."""

    def read(self) -> dict[str, tuple[list[str], list[Values]]]:
        """Columns and rows of each of the store's tables."""
        ...

    def write(self, table: str, columns: Sequence[str], rows: Iterable[Values]) -> None: ...

    def done(self) -> None:
        """All is written: bring it into the state in which the store would be after a while."""
        ...


async def fill(store: Store, tables: Tables, pauses: int, *, waits: timedelta = WAITS) -> None:
    """Fill an empty store that nobody else has open; its process must open it again to see all of it."""
    now = datetime.now(UTC)
    opened = await store.apply(OpenRun(run_record(now), "bench", 60.0, now))
    request = request_record(opened.run.id, now, waits=waits)
    await store.apply(PauseRun(opened.lease, {"version": 1}, (request,), now))
    custody: Custody = store.custody  # type: ignore[attr-defined]  # both stores have it
    await store.close()
    pattern = Pattern(tables.read(), opened.run.id, request.id, Chain(custody.secret, custody.origin), pauses)
    for begin in range(1, pauses, AT_ONCE):
        made = pattern.rows(begin, min(AT_ONCE, pauses - begin), now)
        for name in COPIED:
            tables.write(name, pattern.columns[name], made[name])
    tables.done()


@dataclass(slots=True)
class _Row:
    """One row of the pattern: where what each pause has of its own stands in it."""

    values: Values
    keys: list[tuple[int, int]] = field(default_factory=list)
    ids: list[tuple[int, int]] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)

    def copy(self, number: int, ids: tuple[bytes, bytes], names: tuple[str, str], old: tuple[str, str]) -> Values:
        made = self.values.copy()
        for place, step in self.keys:
            made[place] += number * step
        for place, which in self.ids:
            made[place] = ids[which]
        for place in self.texts:
            made[place] = made[place].replace(old[0], names[0]).replace(old[1], names[1])
        return made


class Pattern:
    """The rows of one pause, and how those of the next ones differ from them."""

    def __init__(
        self, found: dict[str, tuple[list[str], list[Values]]], run: str, request: str, chain: Chain, pauses: int
    ) -> None:
        unknown = {name for name, (_, rows) in found.items() if rows} - {*COPIED, *SHARED}
        assert not unknown, f"a pause writes to {sorted(unknown)} too: teach bench/bulk.py what stands there"
        self.columns = {name: found[name][0] for name in COPIED}
        self._old = (run, request)
        self._pauses = pauses
        self._chain = chain
        self._steps = {name: len(found[name][1]) for name in COPIED}
        self._rows = {name: [self._row(name, each) for each in found[name][1]] for name in COPIED}
        self._place = {name: {each: n for n, each in enumerate(columns)} for name, columns in self.columns.items()}
        self._mac = max((each.values for each in self._rows["hitl_audit"]), key=lambda row: row[self._at("seq")])[
            self._at("mac")
        ]
        self._data = [bodies.unpack(self._body(each)[1]).decode() for each in self._rows["hitl_bodies"]]

    def rows(self, begin: int, many: int, now: datetime) -> dict[str, list[Values]]:
        """Rows of pauses `begin` to `begin + many`, by table."""
        made: dict[str, list[Values]] = {name: [] for name in COPIED}
        for number in range(begin, begin + many):
            at = now + timedelta(milliseconds=number)
            names = new_id(at), new_id(at)
            ids = _packed(names[0]), _packed(names[1])
            for name in COPIED:
                made[name] += [each.copy(number, ids, names, self._old) for each in self._rows[name]]
            self._own_bodies(made["hitl_bodies"], names)
            self._older(made["hitl_requests"], number)
            self._seal(made["hitl_audit"])
        return made

    def _row(self, table: str, values: Values) -> _Row:
        ids = [_packed(name) for name in self._old]
        row = _Row(values)
        for place, (name, value) in enumerate(zip(self.columns[table], values, strict=True)):
            if (table, name) in KEYS and value is not None:
                row.keys.append((place, self._steps[KEYS[table, name]]))
            elif value in ids:
                row.ids.append((place, ids.index(value)))
            elif isinstance(value, str) and any(old in value for old in self._old):
                row.texts.append(place)
        return row

    def _at(self, column: str) -> int:
        return self.columns["hitl_audit"].index(column)

    def _body(self, row: _Row) -> tuple[bytes, bytes]:
        place = {each: n for n, each in enumerate(self.columns["hitl_bodies"])}
        return row.values[place["digest"]], row.values[place["data"]]

    def _own_bodies(self, made: list[Values], names: tuple[str, str]) -> None:
        """The last bodies that were made get what they say of their own run and request."""
        place = self._place["hitl_bodies"]
        for row, text in zip(made[-len(self._data) :], self._data, strict=True):
            own = text.replace(self._old[0], names[0]).replace(self._old[1], names[1])
            if own is not text:
                row[place["digest"]], row[place["data"]] = bodies.pack_text(own, what="body", limit=1 << 20)

    def _older(self, made: list[Values], number: int) -> None:
        """Where a request says which transaction opened it: each another one, all of them long committed."""
        born = self._place["hitl_requests"].get("born")
        if born is not None:
            made[-1][born] += number - self._pauses

    def _seal(self, made: list[Values]) -> None:
        place = self._place["hitl_audit"]
        for row in made[-self._steps["hitl_audit"] :]:
            seq, at, event, subject, actor, body = (row[place[name]] for name in _SEALED)
            self._mac = self._chain.seal(self._mac, seq, at, event, _named(subject), actor, body)
            row[place["mac"]] = self._mac
            if "line" in place:
                row[place["line"]] = seq  # the number that other rows refer to: of who copies lines, that of the chain


def _packed(name: str) -> bytes:
    packed = column(name)
    assert isinstance(packed, bytes), "an id that new_id has made is a UUID"
    return packed


def _named(packed: bytes) -> str:
    digits = packed.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


# ── the two stores ───────────────────────────────────────────────────────────────────────────────────────────


class SqliteTables:
    """A file of SQLite; nothing in it has to be durable while it is filled."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "cache_size = -262144", "wal_autocheckpoint = 20000"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()

    def read(self) -> dict[str, tuple[list[str], list[Values]]]:
        named = self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {name: self._rows(name) for (name,) in named}

    def write(self, table: str, columns: Sequence[str], rows: Iterable[Values]) -> None:
        marks = ", ".join("?" * len(columns))
        self._connection.execute("BEGIN")
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
        self._connection.execute("COMMIT")

    def done(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connection.close()

    def _rows(self, table: str) -> tuple[list[str], list[Values]]:
        found = self._connection.execute(f"SELECT * FROM {table}")
        return [each[0] for each in found.description], [list(row) for row in found.fetchall()]


class PostgresTables:
    """A schema of PostgreSQL, filled by COPY with its indexes in place, as they would have grown."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("SET synchronous_commit = off")

    def read(self) -> dict[str, tuple[list[str], list[Values]]]:
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'hitl\\_%'"
        return {name: self._rows(name) for (name,) in self._connection.execute(sql).fetchall()}

    def write(self, table: str, columns: Sequence[str], rows: Iterable[Values]) -> None:
        with self._connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def done(self) -> None:
        for table, name in KEYS:
            if name in ("key", "seq") and self._sequence(table, name) is not None:
                self._connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{name}'), (SELECT MAX({name}) FROM {table}))"
                )
        for table in COPIED:
            self._connection.execute(f"VACUUM (ANALYZE) {table}")
        self._connection.close()

    def _sequence(self, table: str, column: str) -> str | None:
        found = self._connection.execute("SELECT pg_get_serial_sequence(%s, %s)", (table, column)).fetchone()
        assert found is not None
        return found[0] if found[0] is None else str(found[0])

    def _rows(self, table: str) -> tuple[list[str], list[Values]]:
        found = self._connection.execute(f"SELECT * FROM {table}")
        assert found.description is not None
        return [each.name for each in found.description], [list(row) for row in found.fetchall()]


async def filled_file(folder: Path, pauses: int, *, name: str = "", waits: timedelta = WAITS) -> Path:
    """A file with that many open pauses."""
    file = folder / (name or f"bulk-{pauses}.db")
    await fill(SqliteStore.open_blocking(file), SqliteTables(file), pauses, waits=waits)
    return file


# ── is it one? ───────────────────────────────────────────────────────────────────────────────────────────────


async def checked(store: Store, pauses: int, *, wholly: bool = True, trail: bool = True) -> None:
    """Raises AssertionError unless the store finds that many open requests and an intact trail in itself.

    Not `wholly`: only as many as a page has. Without `trail`, the trail is not read.
    """
    page = await store.fetch(ListRequests(limit=1_000))
    seen = len(page.items)
    while wholly and page.cursor is not None:
        page = await store.fetch(ListRequests(limit=1_000, cursor=page.cursor))
        seen += len(page.items)
    assert seen == (pauses if wholly else min(1_000, pauses)), f"{seen} requests are open, not {pauses}"
    if not trail:
        return
    report = await verify(store, store.custody)  # type: ignore[attr-defined]  # both stores have it
    assert report.exit_code == 0, [str(each) for each in report.findings]
    assert report.lines >= 3 * pauses
