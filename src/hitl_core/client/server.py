"""Which server is talked to, and with which token. A token never stands in a URL, and never goes out unprotected."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from ..errors import ConfigError, Fault

TOKEN: Final = "HITL_TOKEN"  # noqa: S105  # the name of a variable
OPTIONS: Final = ("token_file", "plain_http")
"""What [store] says of a server besides its URL."""
ALLOWED: Final = "allowed"


@dataclass(frozen=True, slots=True)
class Server:
    """A server by the URL that it is mounted at, and the token to come in with."""

    url: str
    token: str = field(repr=False)

    @property
    def stays_here(self) -> bool:
        """Whether it is this machine's own, and talked to without protection."""
        parts = urlsplit(self.url)
        return parts.scheme.lower() == "http" and _is_here(parts.hostname or "")

    @classmethod
    def of(cls, url: str, options: Mapping[str, str], folder: Path) -> Self:
        """As it is configured. Raises ConfigError with every fault."""
        faults = [*_url_faults(url, options), *_option_faults(options)]
        token = os.environ.get(TOKEN, "").strip() or _from_file(options.get("token_file"), folder, faults)
        if not token and not faults:
            faults.append(
                Fault("store.token_file", f"is missing: name a file with a token of the server, or set {TOKEN}")
            )
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            faults.append(Fault("store.token_file", "holds no token: that is one word of printable ASCII"))
        if faults:
            raise ConfigError(faults)
        return cls(url.rstrip("/"), token)


def _url_faults(url: str, options: Mapping[str, str]) -> list[Fault]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as exc:
        return [Fault("store.url", f"{url!r} is no URL: {exc}")]
    faults, instead = [], f"put a token into {TOKEN} or store.token_file"
    if not host:
        faults.append(Fault("store.url", f"{url!r} names no host; write https://HOST"))
    if parts.username is not None or parts.password is not None:
        faults.append(Fault("store.url", f"holds a name or a password; {instead}"))
    if parts.query or parts.fragment:
        faults.append(Fault("store.url", f"ends with a query or a fragment; {instead}"))
    if parts.scheme.lower() == "http" and not _is_here(host) and options.get("plain_http") != ALLOWED:
        said = f"would send the token to {host!r} for everybody on the way to read; write https, or, if the way is safe"
        faults.append(Fault("store.url", f'{said}, store.plain_http = "{ALLOWED}"'))
    return faults


def _option_faults(options: Mapping[str, str]) -> list[Fault]:
    faults = [Fault(f"store.{key}", "is for a store that is opened here") for key in options if key not in OPTIONS]
    if options.get("plain_http", ALLOWED) != ALLOWED:
        faults.append(Fault("store.plain_http", f"must be {ALLOWED!r}, not {options['plain_http']!r}"))
    return faults


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def _from_file(name: str | None, folder: Path, faults: list[Fault]) -> str:
    if name is None:
        return ""
    try:
        return (folder / name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        faults.append(Fault("store.token_file", f"cannot be read: {exc}"))
        return ""
