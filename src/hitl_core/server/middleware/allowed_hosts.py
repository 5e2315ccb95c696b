"""Which names the server answers to: a page of somebody else's whose name leads here by DNS gets nothing."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from ...config import Serving
from .refusals import only, refuse

HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
MISDIRECTED: Final = HTTPStatus.MISDIRECTED_REQUEST


class AllowedHosts:
    """Refuses a request for another host than ours.

    Ours are those of `server.url` and `server.hosts`, and the address that is listened on. Where that is all of a
    machine's addresses, each address is: to be led here, a browser needs a name.
    """

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self._app, self._local = app, serving.is_local
        self._names = frozenset(_plain(each) for each in (*serving.hosts, serving.host) if each)
        self._names |= {each} if (each := urlsplit(serving.url).hostname or "") else frozenset()
        self._names |= HERE if serving.is_local else frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_ours(host_of(scope)):
            await self._app(scope, receive, send)
            return
        asked = (only(scope, b"host") or "")[:100]
        why = f"this server does not answer to the host {asked!r}; if it should, add it to server.hosts in hitl.toml"
        await refuse(scope, send, MISDIRECTED, why)

    def _is_ours(self, host: str) -> bool:
        return host in self._names or (not self._local and _is_address(host))


def host_of(scope: Scope) -> str:
    """The host that is asked for, without its port; "" where none is, or where it is no host."""
    asked = only(scope, b"host")
    if not asked or not asked.isascii() or any(sign in asked for sign in "/\\@?# \t,"):
        return ""
    try:
        return _plain(urlsplit(f"//{asked}").hostname or "")
    except ValueError:
        return ""


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
