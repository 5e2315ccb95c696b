"""The store of a configuration as whoever runs it sees it: opened for nothing but itself, no app and no policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import ConfigError, Fault
from ..stores.sql.upkeep import Flaw, Space, Versions
from .registry import STORES, load
from .remote import require_store
from .storing import known_options


class Upkeep(Protocol):
    """What every store that can be looked after has. Nothing is open between two calls."""

    def versions(self) -> Versions: ...

    def migrate(self) -> Versions: ...

    def check(self) -> tuple[Flaw, ...]: ...

    def reclaim(self) -> Space: ...

    def remarks(self) -> tuple[str, ...]: ...


def upkeep_of(url: str, folder: Path, options: Mapping[str, Any]) -> Upkeep:
    """Who looks after the store at a URL; `options` are those of [store].

    Raises ConfigError, AdapterNotFound, AdapterNotInstalled.
    """
    require_store(url)
    found: Any = load(STORES, url.partition(":")[0])
    upkeep = getattr(found, "upkeep", None)
    if upkeep is None:
        raise ConfigError([Fault("store.url", f"is for {found.__name__}, which has no upkeep of its own")])
    return cast("Upkeep", upkeep.of(url, folder=folder, **known_options(found, options)))
