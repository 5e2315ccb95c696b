"""Where a store lives: `postgresql://user@host/database`, with libpq's own parameters behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from ....errors import ConfigError, Fault

_SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class Location:
    """A database of a server. Shown without its password."""

    url: str
    shown: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. Raises ConfigError, which does not show it: it may hold a password."""
        if not url.startswith(_SCHEMES):
            raise ConfigError([Fault("store.url", "is no postgresql:// URL, which is what this store takes")])
        try:
            parts = conninfo_to_dict(url)
        except ProgrammingError as exc:
            raise ConfigError([Fault("store.url", f"is not understood: {str(exc).strip()}")]) from exc
        place = parts.get("host") or parts.get("hostaddr") or "localhost"
        return cls(url, f"{parts.get('dbname') or parts.get('user') or 'postgres'!r} at {place}")

    def __str__(self) -> str:
        return self.shown
