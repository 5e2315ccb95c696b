"""The store of a configuration as whoever runs it sees it: opened for nothing but itself, no app and no policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import ConfigError, Fault
from ..stores.sql.upkeep import Versions
from .registry import STORES, load


class Upkeep(Protocol):
    """What every store that can be looked after has. Nothing is open between two calls."""

    def versions(self) -> Versions: ...

    def migrate(self) -> Versions: ...


def upkeep_of(url: str, folder: Path) -> Upkeep:
    """Who looks after the store at a URL. Raises ConfigError, AdapterNotFound, AdapterNotInstalled."""
    found: Any = load(STORES, url.partition(":")[0])
    upkeep = getattr(found, "upkeep", None)
    if upkeep is None:
        raise ConfigError(
            [Fault("store.url", f"is of {found.__name__}, which has no upkeep of its own: see its pages")]
        )
    return cast("Upkeep", upkeep.of(url, folder=folder))
