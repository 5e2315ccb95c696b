"""Authentication of a request: by the bearer token that it carries, else by the session in its cookie."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from ..site import site_of
from . import cookies, sessions, tokens
from .claims import Claim
from .proxy import claim_of
from .visitor import Visitor


async def authenticate(connection: HTTPConnection) -> Visitor | None:
    """Who has come; None for nobody. It is looked at once for each request, and kept in its state as `visitor`.

    Whoever mounts the app and knows who people are puts them there before. A request that carries a token of ours
    comes by it or not at all: a session beside it does not count.
    """
    if not hasattr(connection.state, "visitor"):
        connection.state.visitor = await _come(connection)
        connection.state.authenticated_here = True
    visitor: Visitor | None = connection.state.visitor
    return visitor


async def authenticate_again(connection: HTTPConnection) -> Visitor | None:
    """Who has come, looked up once more; as whoever mounts the app has said, where it is they who know."""
    if getattr(connection.state, "authenticated_here", False):
        connection.state.visitor = await _come(connection)
    visitor: Visitor | None = connection.state.visitor
    return visitor


async def _come(connection: HTTPConnection) -> Visitor | None:
    site = site_of(connection)
    carried = [value for value in map(_bearer, connection.headers.getlist("authorization")) if value]
    if carried:
        return await tokens.find(site, carried[0]) if len(carried) == 1 else None
    secret = cookies.value_of(connection, cookies.SESSION)
    return await sessions.find(site, secret, proxy=proxy_claim(connection)) if secret else None


def _bearer(header: str) -> str:
    """The token of ours that a header carries; "" for what is for somebody else, such as a proxy in front."""
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" and secret.strip().startswith(tokens.PREFIX) else ""


def proxy_claim(connection: HTTPConnection) -> Claim | None:
    """Who the proxy says has come, if there is one, and it is the one that speaks."""
    proxy = site_of(connection).serving.proxy
    return None if proxy is None else claim_of(proxy, connection)
