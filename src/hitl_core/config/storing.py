"""The store that a configuration names, opened."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, cast

from ..contracts import Clock, Store
from ..errors import ConfigError, Fault, StoreUnfinished
from ..stores.moving import finished
from .registry import STORES, load
from .remote import require_store

if TYPE_CHECKING:
    from .config import Config

SERVER_OPTIONS: Final = ("prepare", "connections", "statement_timeout", "lock_timeout")
"""What [store] says of how a server is dealt with."""


async def open_store(config: Config, clock: Clock, **more: Any) -> Store:
    """The store that the URL's scheme names; `more` goes to its `open`.

    If it was moved here and only the last word of that is missing, that is said. Raises ConfigError, StoreUnavailable,
    AdapterNotFound, AdapterNotInstalled.
    """
    require_store(config.store_url)
    found = cast("Any", load(STORES, config.store_url.partition(":")[0]))
    options = known_options(found, config.store_options)
    try:
        return cast("Store", await found.open(config.store_url, folder=config.folder, clock=clock, **options, **more))
    except StoreUnfinished as exc:
        target = found.upkeep.of(config.store_url, folder=config.folder, **options)
        if not finished(_source(exc), target):
            raise
    return cast("Store", await found.open(config.store_url, folder=config.folder, clock=clock, **options, **more))


def _source(unfinished: StoreUnfinished) -> Any:
    """The store that was moved from."""
    return cast("Any", load(STORES, unfinished.source.partition(":")[0])).upkeep.of(unfinished.source)


def known_options(found: Any, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """What [store] says besides the URL. Raises ConfigError for what this store does not have."""
    unknown = options.keys() - signature(found.open).parameters.keys()
    if unknown:
        raise ConfigError(Fault(f"store.{key}", f"is nothing that {found.__name__} has") for key in sorted(unknown))
    return options
