"""A proxy in front that has signed people in. Its headers count if they come from it, and from nobody else."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

from ...config import Proxy
from .claims import PROXY, Claim
from .tenants import one_tenant


def claim_of(proxy: Proxy, connection: HTTPConnection) -> Claim | None:
    """Who the proxy says has come; None if it says nobody, or if it is not the proxy that speaks.

    The peer of the connection itself counts, never what a header says of it. A header that is there twice says nothing:
    one of them may be somebody else's.
    """
    if not _is_trusted(proxy, connection):
        return None
    person = _header(connection, proxy.person)
    roles = tuple(filter(None, (each.strip() for each in _header(connection, proxy.roles).split(","))))
    tenant = one_tenant(_header(connection, proxy.tenant)) if proxy.tenant else None
    if not person or (proxy.tenant and tenant is None):
        return None
    return Claim(person, PROXY, roles, tenant)


def _is_trusted(proxy: Proxy, connection: HTTPConnection) -> bool:
    peer = connection.client
    try:
        address = None if peer is None else _plain(ip_address(peer.host))
    except ValueError:
        return False
    return address is not None and any(address in network for network in _networks(proxy.trusted))


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address as such, also where it has come to a socket of IPv6."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=16)
def _networks(trusted: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in trusted)


def _header(connection: HTTPConnection, name: str) -> str:
    """The value of a header that is there once; "" for one that is not, or cannot be read."""
    wanted = name.lower().encode("latin-1")
    found = [value for key, value in connection.scope["headers"] if wanted and key.lower() == wanted]
    try:
        text = found[0].decode().strip() if len(found) == 1 else ""
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""
