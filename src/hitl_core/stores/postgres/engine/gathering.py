"""What several answers write, gathered and sent as one statement.

The shared functions write row by row. Four of their statements, which every plain answer has, are kept back here and
carried out for all rows at once, before anything is read that could see them. A text that is changed there and not
here is sent by itself: that is slower and not wrong (tests/postgres/test_rounds.py counts what is sent).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from ...sql.tables import Name, Row, Rows, packed
from ..server import Connection, Found, Numbers, PostgresLink
from .trail import WRITE

_BODY: Final = "INSERT INTO hitl_bodies (digest, data) VALUES (?, ?)"
_MOVE: Final = (
    "UPDATE hitl_requests SET state = ?, room = NULL, response = ?, allows = ?, line = ?"
    " WHERE state IN ('open') AND (key = ?)"
)
_WAKE: Final = """INSERT INTO hitl_woken (app, run, at) SELECT app, key, ? FROM hitl_runs WHERE key = ?
    ON CONFLICT DO NOTHING"""

_COLUMNS: Final = {
    _BODY: ("bigint", "bytea", "bytea"),
    _MOVE: ("text", "bigint", "smallint", "bigint", "bigint"),
    _WAKE: ("bigint", "bigint"),
    WRITE: ("bigint", "bigint", "text", "bytea", "text", "text", "bigint", "text", "bytea"),
}
"""What is gathered, and the types of what each is given; that of a body with its key."""


def _arrays(sql: str) -> str:
    return f"unnest({', '.join(f'?::{each}[]' for each in _COLUMNS[sql])})"


def _values(sql: str) -> str:
    return f"(VALUES ({', '.join(f'?::{each}' for each in _COLUMNS[sql])}))"


def _statement(rows: Callable[[str], str]) -> str:
    return f"""WITH bodies AS (INSERT INTO hitl_bodies (key, digest, data) OVERRIDING SYSTEM VALUE
        SELECT * FROM {rows(_BODY)} AS b),
    moved AS (UPDATE hitl_requests q SET state = m.state, room = NULL, response = m.response, allows = m.allows,
        line = m.line FROM {rows(_MOVE)} AS m (state, response, allows, line, key)
        WHERE q.key = m.key AND q.state IN ('open')),
    woken AS (INSERT INTO hitl_woken (app, run, at)
        SELECT (SELECT app FROM hitl_runs WHERE key = w.run), w.run, w.at FROM {rows(_WAKE)} AS w (at, run)
        ON CONFLICT DO NOTHING)
    INSERT INTO hitl_raw (line, at, event, subject, actor, body, run, kept, mark)
    SELECT line, at, event, subject, actor, body, run, CAST(kept AS JSONB), mark
    FROM {rows(WRITE)} AS l (line, at, event, subject, actor, body, run, kept, mark)"""  # noqa: S608


_MANY: Final = _statement(_arrays)
_ONE: Final = _statement(_values)
"""The same for one row of each, without arrays: a third less for the server to do."""


class Known:
    """Rows that are at hand."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    @property
    def rowcount(self) -> int:
        return len(self._rows)

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[Any]:
        return self._rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)


class GatheringLink(PostgresLink):
    """A link for many commands of one transaction, one after the other.

    `kept`: it was committed. `sent`: something that the present command wrote was sent; it can be undone only with all
    the rest. What was merely gathered is dropped by `take_back_gathered`.
    """

    def __init__(self, connection: Connection, numbers: Numbers) -> None:
        super().__init__(connection, numbers)
        self._take = numbers.take
        self._gathered: dict[str, list[Sequence[Any]]] = {sql: [] for sql in _COLUMNS}
        self._before = self._lengths()
        self._known: dict[tuple[str, Any], Row] = {}
        self.sent = False
        self.kept = False

    def next_command(self) -> None:
        """What follows is another command's; what was known for the last one is known no more."""
        self._known.clear()
        self._before = self._lengths()
        self.sent = False

    def knows(self, sql: str, given: Any, row: Row) -> None:
        """This is what a statement would find; it is at hand for whoever asks next."""
        self._known[sql, given] = row

    def take_back_gathered(self) -> None:
        for sql, many in self._before.items():
            del self._gathered[sql][many:]

    # ── as the shared functions see it ───────────────────────────────────────────────────────────────────────

    def execute(self, sql: str, given: Sequence[Any] = (), /) -> Rows:
        if sql in self._gathered:
            self._gathered[sql].append(given)
            return Known([])
        known = self._known.pop((sql, given[0]), None) if len(given) == 1 else None
        return super().execute(sql, given) if known is None else Known([known])

    def store(self, sql: str, given: Sequence[Any] = (), /) -> int:
        if sql != _BODY:
            return super().store(sql, given)
        key = self._take(self)
        self._gathered[sql].append((key, *given))
        return key

    def many(self, sql: str, given: Iterable[Sequence[Any]], /) -> None:
        if sql in self._gathered:
            self._gathered[sql] += given
            return
        self._carry_out()
        self.sent = True
        super().many(sql, given)

    def arrive(self, sent: int) -> None:
        if sent == self.rounds:
            self._carry_out()
        super().arrive(sent)

    def end(self, how: str, behind: Sequence[str] = ()) -> None:
        super().end(how, behind)
        self.kept = True

    def _send(self, sql: str, given: Sequence[Any]) -> Found:
        self._carry_out()
        self.sent |= not sql.startswith("SELECT")
        return super()._send(sql, given)

    def _carry_out(self) -> None:
        """Send what was gathered."""
        self.sent |= self._lengths() != self._before
        if not any(self._gathered.values()):
            return
        super()._send(*self._said())
        for rows in self._gathered.values():
            rows.clear()
        self._before = self._lengths()

    def _said(self) -> tuple[str, list[Any]]:
        if all(len(rows) == 1 for rows in self._gathered.values()):
            return _ONE, [value for (row,) in self._gathered.values() for value in row]
        return _MANY, [
            array(kind, [row[place] for row in rows])
            for sql, rows in self._gathered.items()
            for place, kind in enumerate(_COLUMNS[sql])
        ]

    def _lengths(self) -> dict[str, int]:
        return {sql: len(rows) for sql, rows in self._gathered.items()}


def array(kind: str, values: Iterable[Any]) -> str:
    """An array as PostgreSQL writes it: putting it together is a tenth of the driver's price for a list."""
    write = _WRITTEN[kind]
    return "{" + ",".join(["NULL" if value is None else write(value) for value in values]) + "}"


def _bytes(value: bytes | Name) -> str:
    return f'"\\\\x{(packed(value) if isinstance(value, Name) else value).hex()}"'


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(value: int) -> str:
    return str(int(value))


_WRITTEN: Final[dict[str, Any]] = {"bigint": _number, "smallint": _number, "bytea": _bytes, "text": _text}
