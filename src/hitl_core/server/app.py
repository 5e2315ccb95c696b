"""The ASGI application, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp

from ..channels.messages import Route
from ..config import Serving
from ..runtime import Runtime
from .api import install, resources
from .auth import NotAuthenticated
from .copilotkit import let_pages_in
from .feed import feed
from .hooks import hooks
from .links import links
from .middleware import CsrfProtection, with_middleware
from .others import let_in
from .pages import keep_giving, pages, to_sign_in
from .probes import Metrics, probes
from .site import Site


class _WithMiddleware(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """With the middleware around all of it, also around what answers for an error of ours."""
        return with_middleware(super().build_middleware_stack(), self.state.site)


def create_app(
    hitl: Runtime,
    serving: Serving | None = None,
    *,
    messages: tuple[Route, ...] = (),
    metrics: Metrics | None = None,
    apps: Mapping[str, Runtime] | None = None,
) -> FastAPI:
    """The inbox and its API for a runtime, which stays the caller's to close. Mount it, or serve it with uvicorn.

    `messages` are the routes whose answers come back to it; `metrics` is what answers /metrics. `apps` are further
    runtimes with the same store, which CopilotKit pages talk to by these names.
    """
    site = Site(hitl, serving or Serving(), messages)
    app = _WithMiddleware(
        title="hitl-core", version="1", docs_url=None, redoc_url=None, lifespan=partial(_giving, site)
    )
    app.state.site = site
    app.state.metrics = metrics
    app.add_middleware(CsrfProtection, site=site)
    app.add_exception_handler(NotAuthenticated, to_sign_in)
    install(app)
    for each in (feed, *resources, *pages, links, hooks, probes):
        app.router.routes.extend(each.routes)  # as they are: `include_router` makes each anew for every app
    app.state.closes = (*let_in(app, site), *let_pages_in(app, site, apps or {}))
    return app


@asynccontextmanager
async def _giving(site: Site, app: FastAPI) -> AsyncIterator[None]:
    """Give the answers that are held, while the app is served. Where it is mounted, each look at a page does that."""
    giving = asyncio.create_task(keep_giving(site))
    try:
        yield
    finally:
        giving.cancel()
        with suppress(asyncio.CancelledError):
            await giving
        for close in app.state.closes:
            await close()
