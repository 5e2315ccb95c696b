"""CSRF: what changes something is done for whoever meant it, not for a page of somebody else's in their browser.

A browser sends its session with every request, whoever wrote the page that makes it. So a request that changes
something and comes by a session has to carry the session's own token, which only our pages have; and where the browser
says from where the request comes, that has to be here. A program that comes by a token of its own needs neither.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...contracts import Clock
from ...errors import HitlError
from ..auth import Visitor, authenticate
from ..auth.claims import TOKEN
from ..auth.csrf import carries, changes
from ..site import Site
from .rate_limits import PROBES, Rate, too_often
from .refusals import is_for_programs, only, path_of, refuse
from .security_headers import STATIC

log = logging.getLogger("hitl_core.server")

BY_SECRET: Final = ("/login/", "/l/", "/hooks/")
"""What is believed for a secret or a signature in the request, whoever's session comes with it."""
OURS: Final = ("same-origin", "none")
"""What Sec-Fetch-Site says of our own pages, and of who has typed an address (W3C Fetch Metadata)."""


class CsrfProtection:
    """Stands where it is known who has come: counts their calls, and lets no request through that they did not mean."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._clock = app, site.clock
        self._calls = Rate(site.serving.calls_a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_for_everybody(scope):
            await self._app(scope, receive, send)
            return
        body = _Again(receive)
        request = Request(scope, body)
        try:
            visitor = await authenticate(request)
        except HitlError as exc:
            log.warning("nobody can come in just now: %s", exc)
            why = "who has come cannot be looked up just now; nothing was done, try again"
            await refuse(scope, send, HTTPStatus.SERVICE_UNAVAILABLE, why, (b"retry-after", b"1"))
            return
        if wait := 0.0 if visitor is None else self._calls.take(visitor.responder.id, _now(self._clock)):
            await too_often(scope, send, wait)
        elif why := await _what_is_wrong(request, visitor):
            await refuse(scope, send, HTTPStatus.FORBIDDEN, why)
        else:
            body.rewind()
            await self._app(scope, body, send)


class _Again:
    """What is received, which can be had from its beginning once more: it is all there already (body_limits.py)."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: list[Message] = []
        self._left: list[Message] = []

    def rewind(self) -> None:
        self._left, self._read = self._read, []

    async def __call__(self) -> Message:
        if self._left:
            return self._left.pop(0)
        message = await self._receive()
        if message["type"] == "http.request":
            self._read.append(message)
        return message


def _now(clock: Clock) -> float:
    return clock.now().timestamp()


def _is_for_everybody(scope: Scope) -> bool:
    path = path_of(scope)
    return scope["method"] in ("GET", "HEAD") and (path.startswith(STATIC) or path in PROBES)


async def _what_is_wrong(request: Request, visitor: Visitor | None) -> str:
    """Why a request is taken for one that its sender did not mean; "" where it is not."""
    if not changes(request) or (visitor is not None and visitor.responder.authenticated_by == TOKEN):
        return ""
    if not _comes_from_here(request.scope):
        return "this came from a page of somebody else's, so nothing was done; do it on a page of this inbox"
    if visitor is None or path_of(request.scope).startswith(BY_SECRET) or await _carries(request, visitor.csrf):
        return ""
    lacks = "the header X-CSRF-Token" if is_for_programs(request.scope) else "what says that it comes from our own page"
    return f"this lacks {lacks}, or has that of another session, so nothing was done; load the page anew"


async def _carries(request: Request, csrf: str) -> bool:
    try:
        return await carries(request, csrf)
    except Exception:  # a form that cannot be read carries nothing, whatever is wrong with it
        return False
    finally:
        await request.close()


def _comes_from_here(scope: Scope) -> bool:
    """Whether the browser does not say otherwise. One that says nothing is old, or none."""
    site, origin = only(scope, b"sec-fetch-site"), only(scope, b"origin")
    if site is not None and site not in OURS:
        return False
    if origin is None or (origin == "null" and site in OURS):
        return True
    return origin == f"{scope.get('scheme', 'http')}://{only(scope, b'host')}" and bool(urlsplit(origin).hostname)
