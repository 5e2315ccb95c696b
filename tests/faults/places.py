"""Where a store is: a file of SQLite or a schema of a PostgreSQL server, as every process can be told of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl_core.contracts import Clock
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.sqlite import SqliteStore

SQLITE = "sqlite:///store.db"


@dataclass(frozen=True)
class Place:
    """A store's URL, and the folder that has its audit key, its anchors and whatever else the test writes."""

    url: str
    folder: Path

    def __str__(self) -> str:
        return self.url.partition(":")[0]

    @property
    def on_postgres(self) -> bool:
        return self.url.startswith("postgresql")

    @property
    def told(self) -> list[str]:
        """How another process is told of it, in JSON."""
        return [self.url, str(self.folder)]

    @classmethod
    def of(cls, told: list[str]) -> Place:
        url, folder = told
        return cls(url, Path(folder))

    async def store(self, clock: Clock | None = None, **how: Any) -> Any:
        """A store object of its own, as each process has one."""
        return await _kind(self).open(self.url, folder=self.folder, clock=clock, **how)

    def store_blocking(self, clock: Clock | None = None, **how: Any) -> Any:
        """The same without an event loop."""
        return _kind(self).open_blocking(self.url, folder=self.folder, clock=clock, **how)


def _kind(place: Place) -> Any:
    return PostgresStore if place.on_postgres else SqliteStore
