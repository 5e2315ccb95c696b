"""From which address somebody comes: the peer's, or what proxies that are known to us say of it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from starlette.types import Scope

from ...config import Serving
from .refusals import values_of

NOWHERE: Final = "unknown"
HOME: Final = 64
"""Bits of an IPv6 address that one household or host has to itself: who has one of them has all."""
HOPS: Final = 20
"""Proxies in a row; more is somebody's joke."""

Address = IPv4Address | IPv6Address


class ClientAddresses:
    """Knows the proxies whose word on this counts: `server.forwarded` and `server.proxy.trusted`."""

    def __init__(self, serving: Serving) -> None:
        named = (*serving.forwarded, *(serving.proxy.trusted if serving.proxy else ()))
        self._proxies = tuple(ip_network(each) for each in named)

    def of(self, scope: Scope) -> str:
        """The last address in the row that is no proxy of ours; as text that two of one household share."""
        peer = _read(str((scope.get("client") or (NOWHERE,))[0]))
        if peer is None:
            return NOWHERE
        for each in reversed(_forwarded(scope)[-HOPS:]):
            if not self._is_ours(peer):
                break
            found = _read(each)
            if found is None:
                break
            peer = found
        return _shared(peer)

    def _is_ours(self, address: Address) -> bool:
        return any(address in each for each in self._proxies)


def _forwarded(scope: Scope) -> list[str]:
    said = b",".join(values_of(scope, b"x-forwarded-for")).decode("latin-1")
    return [each.strip() for each in said.split(",") if each.strip()]


def _read(text: str) -> Address | None:
    try:
        found = ip_address(text.removeprefix("[").partition("]")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _shared(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address, HOME), strict=False))
