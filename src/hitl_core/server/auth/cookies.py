"""Cookies: of this host alone, for no script, not sent by other sites' forms, and over https only where there is https.

The prefix `__Host-` lets no other host, no subdomain and no plain http put one in its place (RFC 6265bis, 4.1.3.2).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from ..site import site_of
from .secret import LONGEST

SESSION: Final = "hitl_session"
SIGNING_IN: Final = "hitl_signing_in"
ONWARD: Final = "hitl_onward"


def is_secure(connection: HTTPConnection) -> bool:
    """Whether people come by https: what is configured says it, or else how this request came. No header does."""
    url = site_of(connection).serving.url
    return (url or str(connection.url)).startswith("https://")


def name_of(connection: HTTPConnection, cookie: str) -> str:
    return f"__Host-{cookie}" if is_secure(connection) else cookie


def value_of(connection: HTTPConnection, cookie: str) -> str:
    """What the browser has sent; "" for nothing that could be ours."""
    value = connection.cookies.get(name_of(connection, cookie), "")
    return value if len(value) <= LONGEST else ""


def give(response: Response, connection: HTTPConnection, cookie: str, value: str, lasts: timedelta) -> None:
    response.set_cookie(
        name_of(connection, cookie),
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=is_secure(connection),
        httponly=True,
        samesite="lax",
    )


def take_away(response: Response, connection: HTTPConnection, cookie: str) -> None:
    response.delete_cookie(
        name_of(connection, cookie), path="/", secure=is_secure(connection), httponly=True, samesite="lax"
    )
