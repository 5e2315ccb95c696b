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
        except ProgrammingError:  # what libpq says of it quotes parts of it
            wanted = "is no URL that libpq understands; write postgresql://user:password@host:port/database"
            raise ConfigError([Fault("store.url", wanted)]) from None
        place = str(parts.get("host") or parts.get("hostaddr") or "localhost")
        name = str(parts.get("dbname") or parts.get("user") or "postgres")
        if "@" in place + name + str(parts.get("port")):
            written = "has an @ behind its user; in a password write it as %40, and / ? # : as %2F %3F %23 %3A"
            raise ConfigError([Fault("store.url", written)])
        return cls(url, f"{name!r} at {place}")

    def __str__(self) -> str:
        return self.shown
