"""PostgresUpkeep: what whoever runs a store on a server does to it as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg import sql

from ..sql.tables import Rows, View
from ..sql.upkeep import Flaw, Kind, Leaving, Moved, Space, Versions, flaws
from .arriving import Arriving
from .server import SLOW, Location, PostgresLink, connect, is_heard, migrate, unavailable, versions
from .server.connection import Connection

T = TypeVar("T")

_TRIAL: Final = "hitl-trial"
_DEAF: Final = (
    "no NOTIFY is heard there, as behind a pooler in transaction mode, so what others change is seen only every "
    f"{SLOW:g} seconds; a URL that goes past it, as `listen` in [store], ends that"
)


class _Whole(PostgresLink):
    """The trail is looked at with the lines that are not sealed yet."""

    def execute(self, sql: str, given: Sequence[Any] = (), /) -> Rows:
        return super().execute(sql.replace("hitl_audit", "hitl_lines"), given)


class PostgresUpkeep:
    """Nothing is open between two calls. Each raises StoreUnavailable, or StoreTooNew for a newer release's tables."""

    def __init__(
        self,
        location: Location,
        listens: Location,
        folder: Path,
        *,
        key: str | Path | None,
        anchors: str | Path | None,
    ) -> None:
        self._location, self._listens, self._folder = location, listens, folder
        self._key, self._anchors = key, anchors

    @classmethod
    def of(
        cls,
        url: str | Path,
        *,
        folder: Path | None = None,
        audit_key: str | Path | None = None,
        audit_anchors: str | Path | None = None,
        listen: str | None = None,
        **options: str,
    ) -> Self:
        """As `PostgresStore.open`. Raises ConfigError for what is no URL of a server."""
        location = Location.parse(str(url))
        listens = location if listen is None else Location.parse(listen)
        return cls(location, listens, folder or Path.cwd(), key=audit_key, anchors=audit_anchors)

    def __str__(self) -> str:
        return str(self._location)

    def versions(self) -> Versions:
        """Which schema the database has. Looking makes no table and changes none."""
        return self._on(lambda connection: versions(connection, self._location))

    def migrate(self) -> Versions:
        """Bring the database to the newest schema, made if there is none; returns what was found before."""

        def work(connection: Connection) -> Versions:
            found = versions(connection, self._location)
            migrate(connection, self._location)
            return found

        return self._on(work)

    def check(self) -> tuple[Flaw, ...]:
        """What is wrong with the tables, in one consistent state; that of the trail is not among it."""

        def work(connection: Connection) -> tuple[Flaw, ...]:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return (*_refused(connection), *flaws(View(_Whole(connection)), lines=_LINES))

        return self._on(work)

    def reclaim(self) -> Space:
        """Give the room of what was deleted to what comes next, and count anew. Nobody waits for it."""

        def work(connection: Connection) -> Space:
            before = _bytes(connection)
            for name in _tables(connection):
                connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(name)))
            return Space(before, _bytes(connection))

        return self._on(work)

    def receive(self, leaving: Leaving, token: str, now: datetime) -> Moved:
        """Take all that another store has. Nobody uses it before `finish`. Raises StoreError; then nothing is kept."""
        origin = leaving.custody.origin
        key, anchors = self._key or f"{origin}.key", self._anchors or f"{origin}.anchors"
        files = {"key": self._folder / key, "anchors": self._folder / anchors}
        return self._on(lambda one: Arriving(one, self._location).receive(leaving, token, now, **files))

    def finish(self, token: str) -> bool:
        """What was received by this act counts from now on. False if nothing was."""
        return self._on(lambda one: Arriving(one, self._location).finish(token))

    def remarks(self) -> tuple[str, ...]:
        """What whoever runs it should know besides: whether changes are heard of at once."""
        return () if self._on(lambda _: is_heard(self._listens, self._location, _TRIAL)) else (_DEAF,)

    def _on(self, work: Callable[[Connection], T]) -> T:
        try:
            with connect(self._location) as connection:
                return work(connection)
        except psycopg.Error as exc:
            raise unavailable(exc, self._location) from exc


# Also those that are not sealed yet.
_LINES: Final = """(SELECT event, subject, body, run FROM hitl_audit
    UNION ALL SELECT event, subject, body, run FROM hitl_raw) AS l"""


def _refused(connection: Connection) -> Iterator[Flaw]:
    for (line,) in connection.execute("SELECT line FROM hitl_raw WHERE refused ORDER BY key").fetchall():
        yield Flaw(Kind.DAMAGED, f"audit line {line} is not as it was written, and is not sealed")


def _tables(connection: Connection) -> list[str]:
    return [str(name) for name, _ in connection.execute(_TABLES).fetchall()]


def _bytes(connection: Connection) -> int:
    return sum(int(size) for _, size in connection.execute(_TABLES).fetchall())


_TABLES: Final = """SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND starts_with(relname, 'hitl_')
    AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('hitl_store')) ORDER BY relname"""
