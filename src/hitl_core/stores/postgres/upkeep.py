"""PostgresUpkeep: what whoever runs a store on a server does to it as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

import psycopg

from ..sql.upkeep import Versions
from .server import Location, connect, migrate, unavailable, versions
from .server.connection import Connection

T = TypeVar("T")


class PostgresUpkeep:
    """Nothing is open between two calls. Each raises StoreUnavailable, or StoreTooNew for a newer release's tables."""

    def __init__(self, location: Location) -> None:
        self._location = location

    @classmethod
    def of(cls, url: str | Path, *, folder: Path | None = None) -> Self:
        """Raises ConfigError for what is no URL of a server."""
        return cls(Location.parse(str(url)))

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

    def _on(self, work: Callable[[Connection], T]) -> T:
        try:
            with connect(self._location) as connection:
                return work(connection)
        except psycopg.Error as exc:
            raise unavailable(exc, self._location) from exc
