"""The ASGI application, put together."""

from __future__ import annotations

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
from .pages import pages_router, to_sign_in
from .site import Site


class _Guarded(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """With the guards around all of it, also around what answers for an error of ours."""
        return guarded(super().build_middleware_stack(), self.state.site)


def create_app(hitl: Runtime, serving: Serving | None = None, *, messages: tuple[Route, ...] = ()) -> FastAPI:
    """The inbox and its API for a runtime, which stays the caller's to close. Mount it, or serve it with uvicorn.

    `messages` are the routes whose answers come back to it.
    """
    app = _Guarded(title="hitl-core", version="1", docs_url=None, redoc_url=None)
    app.state.site = site = Site(hitl, serving or Serving(), messages)
    app.add_middleware(Forgeries, site=site)
    app.add_exception_handler(NobodyCame, to_sign_in)
    app.include_router(feed)
    install(app)
    app.include_router(pages_router())
    app.include_router(links_router())
    app.include_router(hooks_router())
    return app
