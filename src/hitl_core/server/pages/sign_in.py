"""Signing in and out: the page that says how, links that sign in once, and the way to a provider and back."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from ...channels.plain_text import visible
from ..auth import (
    AnyVisitor,
    Claim,
    LinkState,
    NotAuthenticated,
    authenticate,
    cookies,
    login_links,
    proxy_claim,
    sessions,
)
from ..auth.csrf import carries
from ..auth.refusals import refused
from ..auth.secret import derived, new_secret
from ..site import CurrentSite, site_of
from .environment import render, url

if TYPE_CHECKING:
    from ..auth.oidc import SignInFailed

signing: Final = APIRouter(include_in_schema=False)

_ON_THE_PAGE: Final = timedelta(minutes=15)
_LONGEST: Final = 2_000
_LOGGED: Final = 500
_STORAGE: Final = '"storage"'
"""Of W3C Clear Site Data: what scripts have kept. Cookies would be those of the whole domain, not all of them ours."""

log = logging.getLogger("hitl_core.server")


async def to_sign_in(request: Request, exc: Exception) -> Response:
    """What is answered to nobody: people are sent to sign in and come back then; programs are told."""
    assert isinstance(exc, NotAuthenticated)
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        told = request.app.exception_handlers.get(StarletteHTTPException, http_exception_handler)
        answer: Response = await told(request, exc)
        return answer
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"hx-redirect": url(request, "login")})
    return RedirectResponse(url(request, "login", next=here), 303)


@signing.get("/login")
async def sign_in(request: Request, site: CurrentSite, next: str = "") -> Response:
    """How to come in here. Behind a proxy that has signed somebody in, that is all there is to do."""
    onward = _ours(request, next)
    if await authenticate(request) is not None:
        return RedirectResponse(onward, 303)
    claim = proxy_claim(request)
    if claim is not None:
        return await _let_in(request, claim, onward)
    serving = site.serving
    return render(request, "sign_in.html", oidc=serving.oidc, proxy=serving.proxy, onward=onward)


# ── a provider ───────────────────────────────────────────────────────────────────────────────────────────────


@signing.get("/login/oidc")
async def to_provider(request: Request, site: CurrentSite, next: str = "") -> Response:
    """Off to the provider. What comes back is believed in this browser only, within ten minutes."""
    from ..auth import oidc

    if site.serving.oidc is None:
        raise HTTPException(404, "no provider is configured: [server.oidc] in hitl.toml")
    try:
        there, held = await oidc.provider(site.serving.oidc).begin(_back(request))
    except oidc.SignInFailed as exc:
        return _failed(request, exc)
    answer = RedirectResponse(there, 303)
    cookies.give(answer, request, cookies.SIGNING_IN, held, oidc.LASTS)
    cookies.give(answer, request, cookies.ONWARD, _ours(request, next), oidc.LASTS)
    return answer


@signing.get("/login/oidc/back")
async def from_provider(request: Request, site: CurrentSite) -> Response:
    """Back from the provider, with a code for who has signed in."""
    from ..auth import oidc

    if site.serving.oidc is None:
        raise HTTPException(404, "no provider is configured: [server.oidc] in hitl.toml")
    held = cookies.value_of(request, cookies.SIGNING_IN)
    try:
        claim = await oidc.provider(site.serving.oidc).end(held, _back(request), dict(request.query_params))
    except oidc.SignInFailed as exc:
        return _failed(request, exc)
    return await _let_in(request, claim, _ours(request, cookies.value_of(request, cookies.ONWARD)))


def _back(request: Request) -> str:
    """Where the provider sends people back to, as it has to be registered there."""
    serving = site_of(request).serving
    if serving.url:
        return f"{serving.url}/login/oidc/back"
    return f"{request.url.scheme}://{request.url.netloc}{url(request, 'login', 'oidc', 'back')}"


def _failed(request: Request, exc: SignInFailed) -> Response:
    """Our own words; what the provider has said, which may be anybody's, goes to the log."""
    log.warning("nobody was signed in by the provider: %s (%s)", exc, visible(exc.found)[:_LOGGED])
    answer = _message(request, 403, "You are not signed in", str(exc))
    cookies.take_away(answer, request, cookies.SIGNING_IN)
    return answer


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────


@signing.get("/login/{secret}")
async def link(request: Request, site: CurrentSite, secret: str) -> Response:
    """The page of a link: nothing happens to it before somebody presses the button."""
    state = await login_links.look(site, secret)
    if state is not LinkState.GOOD:
        return _no_longer(request, state)
    held = new_secret()
    visitor = await authenticate(request)
    csrf = visitor.csrf if visitor is not None and visitor.csrf else derived(held, "csrf")
    page = render(request, "sign_in_by_link.html", secret=secret, csrf=csrf)
    cookies.give(page, request, cookies.SIGNING_IN, held, _ON_THE_PAGE)
    return page


@signing.post("/login/{secret}")
async def use_link(request: Request, site: CurrentSite, secret: str) -> Response:
    """The button: it signs in whoever the link is for, the first time."""
    held, visitor = cookies.value_of(request, cookies.SIGNING_IN), await authenticate(request)
    known = [derived(held, "csrf")] if held else []
    known += [visitor.csrf] if visitor is not None else []
    try:
        meant = any([await carries(request, each) for each in known])
    finally:
        await request.close()
    if not meant:
        said = "The button is good on the page that the link opens, in the same browser, for some minutes."
        return _message(request, 403, "Open the link again", said)
    claim = await login_links.use(site, secret)
    if claim is None:
        return _no_longer(request, await login_links.look(site, secret))
    return await _let_in(request, claim, url(request))


def _no_longer(request: Request, state: LinkState) -> Response:
    used = state is LinkState.USED
    said = "It has signed somebody in, and does so once." if used else "It has expired, or was never one."
    again = f"{said} The command “hitl login” prints a new one, and so does “hitl serve” when it starts."
    return _message(request, 410 if used else 404, "This link cannot be used any more", again)


# ── in, and out ──────────────────────────────────────────────────────────────────────────────────────────────


@signing.post("/logout")
async def sign_out(request: Request, site: CurrentSite, visitor: AnyVisitor) -> Response:
    """The session is over, and what its pages have kept in the browser goes."""
    await sessions.end(site, cookies.value_of(request, cookies.SESSION), visitor)
    answer = _message(request, 200, "You are signed out", "This browser's session is over.", signed_out=True)
    if url(request) == "/":  # else others keep something there, too
        answer.headers["clear-site-data"] = _STORAGE
    cookies.take_away(answer, request, cookies.SESSION)
    return answer


async def _let_in(request: Request, claim: Claim, onward: str) -> Response:
    """A session under a new secret, whatever the browser has sent; or why there is none."""
    site = site_of(request)
    opened = await sessions.begin(site, claim, before=cookies.value_of(request, cookies.SESSION))
    if opened is None:
        await refused(site, claim.person, claim.how, "nobody by this name is in the directory of people")
        said = f"{claim.person!r} is not in the directory of people here. Whoever looks after it can add you."
        return _message(request, 403, "You are not known here", said)
    answer = RedirectResponse(onward, 303)
    cookies.give(answer, request, cookies.SESSION, opened.secret, site.serving.session)
    for done in (cookies.SIGNING_IN, cookies.ONWARD):
        cookies.take_away(answer, request, done)
    return answer


def _message(request: Request, status: int, title: str, said: str, *, signed_out: bool = False) -> Response:
    onward = ("Sign in", url(request, "login"))
    return render(request, "message.html", status=status, title=title, said=said, next=onward, signed_out=signed_out)


def _ours(request: Request, path: str) -> str:
    """A path of ours to go on to; the inbox for one that leads elsewhere."""
    home = url(request)
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= _LONGEST
    return path if plain and path.startswith(home) and not path.startswith("//") else home
