"""A store.url that is a server's: its runtime is called over HTTP instead of a store being opened here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from ..contracts import Clock
from ..errors import ConfigError, Fault
from ..runtime import Runtime
from ..versions import installed

if TYPE_CHECKING:
    from .config import Config

REMOTE_OPTIONS: Final = ("token_file", "plain_http")
"""What [store] says of a server besides its URL."""


def is_remote(url: str) -> bool:
    """Whether this is a server to call and not a store to open."""
    return url.partition(":")[0].lower() in ("http", "https")


def require_store(url: str, what: str = "this") -> None:
    """Raises ConfigError where `url` is a server's, and `what` works on the store that the server has opened."""
    if is_remote(url):
        here = f"is a server, {url!r}, and {what} works on the store itself; do it where the server runs"
        raise ConfigError([Fault("store.url", here)])


def remote(config: Config, clock: Clock | None) -> Runtime:
    """The runtime of the server that a configuration names: it has the methods of one that is here.

    Raises AdapterNotInstalled, and ConfigError for a URL or a token that cannot be used.
    """
    return cast("Runtime", _client().RemoteRuntime.of(config.store_url, config.store_options, config.folder, clock))


def _client() -> Any:
    with installed("a server as store.url", extra="client"):
        from .. import client
    return client  # pragma: no cover  # needs its extra: the lane `server`
