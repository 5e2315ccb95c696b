"""What changes something is done for whoever meant it: not for a page of somebody else's that their browser is on.

A browser sends its session with every request, whoever wrote the page that makes it. So a request that changes
something and comes by a session has to carry the session's own token, which only our pages have; and where the browser
says from where the request comes, that has to be here. A program that comes by a token of its own needs neither.
"""

from __future__ import annotations

import hmac
import logging
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...contracts import Clock
from ...errors import HitlError
from ..doors.visitor import Visitor
from ..site import Site
from .headers import STATIC
from .rates import PROBES, Rate, too_often
from .refusals import is_for_programs, only, path_of, refuse

log = logging.getLogger("hitl_core.server")

TOKEN = "token"
HARMLESS: Final = ("GET", "HEAD", "OPTIONS")
HEADER: Final = b"x-csrf-token"
FIELD: Final = "csrf"
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
FIELDS: Final = 1000
OURS: Final = ("same-origin", "none")
"""What Sec-Fetch-Site says of our own pages, and of who has typed an address (W3C Fetch Metadata)."""


async def come_in(request: Request) -> Visitor | None:
    return getattr(request.state, "visitor", None)


def is_same(given: str, known: str) -> bool:
    return bool(known) and hmac.compare_digest(given.encode(), known.encode())


class Forgeries:
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
            come = await come_in(request)
        except HitlError as exc:
            log.warning("nobody can come in just now: %s", exc)
            why = "who has come cannot be looked up just now; nothing was done, try again"
            await refuse(scope, send, HTTPStatus.SERVICE_UNAVAILABLE, why, (b"retry-after", b"1"))
            return
        if wait := 0.0 if come is None else self._calls.take(come.responder.id, _now(self._clock)):
            await too_often(scope, send, wait)
        elif why := await _what_is_wrong(request, come):
            await refuse(scope, send, HTTPStatus.FORBIDDEN, why)
        else:
            body.rewind()
            await self._app(scope, body, send)


class _Again:
    """What is received, which can be had from its beginning once more: it is all there already (bodies.py)."""

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
    return scope["method"] in HARMLESS and (path.startswith(STATIC) or path in PROBES)


async def _what_is_wrong(request: Request, come: Visitor | None) -> str:
    """Why a request is taken for one that its sender did not mean; "" where it is not."""
    if request.method in HARMLESS or (come is not None and come.responder.authenticated_by == TOKEN):
        return ""
    if not _comes_from_here(request.scope):
        return "this came from a page of somebody else's, so nothing was done; do it on a page of this inbox"
    if come is None or is_same(await _token(request), come.csrf):
        return ""
    lacks = "the header X-CSRF-Token" if is_for_programs(request.scope) else "what says that it comes from our own page"
    return (
        f"this lacks {lacks}, or has that of another session, so nothing was done; load the page anew and do it again"
    )


def _comes_from_here(scope: Scope) -> bool:
    """Whether the browser does not say otherwise. One that says nothing is old, or none."""
    site, origin = only(scope, b"sec-fetch-site"), only(scope, b"origin")
    if site is not None and site not in OURS:
        return False
    if origin is None or (origin == "null" and site in OURS):
        return True
    return origin == f"{scope.get('scheme', 'http')}://{only(scope, b'host')}" and bool(urlsplit(origin).hostname)


async def _token(request: Request) -> str:
    """The token that a request carries: in its header, else in a field of its form."""
    if (carried := only(request.scope, HEADER)) is not None:
        return carried
    kind = (only(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
    if kind not in FORMS:
        return ""
    try:
        async with request.form(max_fields=FIELDS, max_files=0) as form:
            found = form.getlist(FIELD)
    except Exception:  # a form that cannot be read has no token, whatever is wrong with it
        return ""
    return found[0] if len(found) == 1 and not isinstance(found[0], UploadFile) else ""
