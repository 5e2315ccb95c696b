"""The ASGI application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

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
from .pages import Giving, pages, to_sign_in
from .probes import Metrics, probes
from .site import Site


class _App(FastAPI):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Whoever mounts it may not run its lifespan; the first who comes does not find what is held left lying."""
        if scope["type"] == "http":
            self.state.giving.begin()
        await super().__call__(scope, receive, send)

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
    runtimes with the same store, which CopilotKit pages and clients of other agents talk to by these names.
    """
    site = Site(hitl, serving or Serving(), messages)
    app = _App(title="hitl-core", version="1", docs_url=None, redoc_url=None, lifespan=_giving)
    app.state.site = site
    app.state.giving = Giving(site)
    app.state.metrics = metrics
    app.add_middleware(CsrfProtection, site=site)
    app.add_exception_handler(NotAuthenticated, to_sign_in)
    install(app)
    for each in (feed, *resources, *pages, links, hooks, probes):
        app.router.routes.extend(each.routes)  # as they are: `include_router` makes each anew for every app
    app.state.closes = (*let_in(app, site, apps or {}), *let_pages_in(app, site, apps or {}))
    return app


@asynccontextmanager
async def _giving(app: FastAPI) -> AsyncIterator[None]:
    """Give the answers that are held, while the app is served."""
    app.state.giving.begin()
    try:
        yield
    finally:
        await app.state.giving.ended()
        for close in app.state.closes:
            await close()
