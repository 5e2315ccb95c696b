"""Who comes with a request: by a token that it carries, else by the session of its browser."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from ..site import site_of
from . import cookies, sessions, tokens
from .known import Claim
from .proxy import said_by
from .visitor import Visitor


async def come_in(connection: HTTPConnection) -> Visitor | None:
    """Who has come; None for nobody. It is looked at once for each request, and kept in its state as `visitor`.

    Whoever mounts the app and knows who people are puts them there before. A request that carries a token of ours
    comes by it or not at all: a session beside it does not count.
    """
    if not hasattr(connection.state, "visitor"):
        connection.state.visitor = await _come(connection)
        connection.state.came_by_a_door = True
    come: Visitor | None = connection.state.visitor
    return come


async def come_anew(connection: HTTPConnection) -> Visitor | None:
    """Who has come, looked up once more; as whoever mounts the app has said, where it is they who know."""
    if getattr(connection.state, "came_by_a_door", False):
        connection.state.visitor = await _come(connection)
    come: Visitor | None = connection.state.visitor
    return come


async def _come(connection: HTTPConnection) -> Visitor | None:
    site = site_of(connection)
    carried = [value for value in map(_bearer, connection.headers.getlist("authorization")) if value]
    if carried:
        return await tokens.find(site, carried[0]) if len(carried) == 1 else None
    secret = cookies.value_of(connection, cookies.SESSION)
    return await sessions.find(site, secret, proxy=proxy_says(connection)) if secret else None


def _bearer(header: str) -> str:
    """The token of ours that a header carries; "" for what is for somebody else, such as a proxy in front."""
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" and secret.strip().startswith(tokens.PREFIX) else ""


def proxy_says(connection: HTTPConnection) -> Claim | None:
    """Who the proxy says has come, if there is one, and it is the one that speaks."""
    proxy = site_of(connection).serving.proxy
    return None if proxy is None else said_by(proxy, connection)
