"""The ASGI application, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp

from ..channels.messages import Route
from ..config import Serving
from ..runtime import Runtime
from .api import install
from .doors import NobodyCame
from .feed import feed
from .guards import Forgeries, guarded
from .hooks import hooks_router
from .links import links_router
from .others import let_in
from .pages import keep_giving, pages_router, to_sign_in
from .probes import Metrics, probes
from .site import Site


class _Guarded(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """With the guards around all of it, also around what answers for an error of ours."""
        return guarded(super().build_middleware_stack(), self.state.site)


def create_app(
    hitl: Runtime, serving: Serving | None = None, *, messages: tuple[Route, ...] = (), metrics: Metrics | None = None
) -> FastAPI:
    """The inbox and its API for a runtime, which stays the caller's to close. Mount it, or serve it with uvicorn.

    `messages` are the routes whose answers come back to it; `metrics` is what answers /metrics.
    """
    site = Site(hitl, serving or Serving(), messages)
    app = _Guarded(title="hitl-core", version="1", docs_url=None, redoc_url=None, lifespan=partial(_giving, site))
    app.state.site = site
    app.state.metrics = metrics
    app.add_middleware(Forgeries, site=site)
    app.add_exception_handler(NobodyCame, to_sign_in)
    app.include_router(feed)
    install(app)
    app.include_router(pages_router())
    app.include_router(links_router())
    app.include_router(hooks_router())
    app.include_router(probes)
    app.state.closes = let_in(app, site)
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
