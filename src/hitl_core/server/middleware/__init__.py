"""Middleware: what stands between everybody and the app. Each is plain ASGI, and knows nothing of what the app does.

root_path ─► security_headers ─► access_log ─► allowed_hosts ─► rate_limits ─► body_limits ─► (errors) ─► csrf ─► app

root_path         below which path people reach us       rate_limits    calls and sign-ins a minute, by address
security_headers  CSP and the like, on every answer      body_limits    how large a body is, and how slowly it comes
access_log        a line and an id for each request      csrf           who has come, how often, and did they mean it
allowed_hosts     the names that we answer to            client_addresses  where somebody comes from, behind proxies

slow_clients is not of the app but of uvicorn; refusals is how a request is refused, and reading its scope.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from ..site import Site
from .access_log import AccessLog
from .allowed_hosts import AllowedHosts
from .body_limits import BodyLimits
from .csrf import CsrfProtection
from .rate_limits import RateLimits
from .root_path import RootPath
from .security_headers import Headers

__all__ = ["CsrfProtection", "with_middleware"]


def with_middleware(app: ASGIApp, site: Site) -> ASGIApp:
    """The middleware that need not know who has come, around an app and around what answers for its errors."""
    serving = site.serving
    inside = RateLimits(BodyLimits(app, serving), serving, site.clock)
    return RootPath(Headers(AccessLog(AllowedHosts(inside, serving), serving)), serving)
