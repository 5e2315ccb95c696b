"""SqliteUpkeep: what whoever runs a store in a file does to it as a whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Self

from ...errors import ConfigError, Fault
from ..sql.tables import View
from ..sql.upkeep import MOST_SHOWN, Flaw, Kind, Space, Versions, flaws
from .file import Location, MovedTo, SqliteLink, connect, folded, locked, migrate, moved_to, unavailable, versions
from .leaving import SqliteLeaving, leaving


class SqliteUpkeep:
    """Nothing is open between two calls. Each raises StoreUnavailable, or StoreTooNew for a newer release's file."""

    def __init__(self, location: Location, key: Path, anchors: Path) -> None:
        self._location = location
        self._key, self._anchors = key, anchors

    @classmethod
    def of(
        cls,
        url: str | Path,
        *,
        folder: Path | None = None,
        audit_key: str | Path | None = None,
        audit_anchors: str | Path | None = None,
    ) -> Self:
        """As `SqliteStore.open`. Raises ConfigError for a store in memory: it ends with its process."""
        location, away = Location.parse(url, folder=folder), folder or Path.cwd()
        if location.path is None:
            raise ConfigError([Fault("store.url", "is a store in memory, of which nothing is left to look after")])
        return cls(
            location,
            away / (audit_key or location.beside(".key")),
            away / (audit_anchors or location.beside(".anchors")),
        )

    def __str__(self) -> str:
        return str(self._location)

    def versions(self) -> Versions:
        """Which schema the file has. Looking makes no file and changes none."""
        if self._location.path is None or not self._location.path.exists():
            return versions(None, self._location)
        connection = connect(self._location, writes=False)
        try:
            return versions(connection, self._location)
        finally:
            connection.close()

    def migrate(self) -> Versions:
        """Bring the file to the newest schema, made if it is not there; returns what was found before."""
        with locked(self._location.beside(".lock")):
            connection = connect(self._location, writes=True, create=True)
            try:
                found = versions(connection, self._location)
                migrate(connection, self._location)
            finally:
                connection.close()
        return found

    def leaving(self) -> AbstractContextManager[SqliteLeaving]:
        """To move everything away from it. Raises StoreMoved, if that was done."""
        return leaving(self._location, self._key, self._anchors)

    def moved_to(self) -> MovedTo | None:
        """Where everything is now; None if it is here, or if there is no file."""
        if self._location.path is None or not self._location.path.exists():
            return None
        with closing(connect(self._location, writes=False)) as connection:
            return moved_to(connection)

    def remarks(self) -> tuple[str, ...]:
        """What whoever runs it should know besides: nothing."""
        return ()

    def check(self) -> tuple[Flaw, ...]:
        """What is wrong with the file and its tables, in one consistent state; that of the trail is not among it."""
        connection = connect(self._location, writes=False)
        try:
            connection.execute("BEGIN")
            return (*_unsound(connection), *flaws(View(SqliteLink(connection))))
        except sqlite3.Error as exc:
            return (Flaw(Kind.DAMAGED, f"the file cannot be read any further: {exc}"),)
        finally:
            connection.close()

    def reclaim(self) -> Space:
        """Give back the room of what was deleted. Nobody else writes meanwhile: it copies the whole file."""
        with locked(self._location.beside(".lock")):
            connection = connect(self._location, writes=True)
            try:
                before = _bytes(connection)
                connection.execute("VACUUM")
                folded(connection)
                return Space(before, _bytes(connection))
            except sqlite3.Error as exc:
                raise unavailable(exc, self._location) from exc
            finally:
                connection.close()


def _unsound(connection: sqlite3.Connection) -> Iterator[Flaw]:
    for (said,) in connection.execute(f"PRAGMA integrity_check({MOST_SHOWN})"):
        if said != "ok":
            yield Flaw(Kind.DAMAGED, f"the file: {said}")


def _bytes(connection: sqlite3.Connection) -> int:
    pages, size = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
    return int(pages) * int(size)
