"""The ASGI application, put together."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from ..config import Serving
from ..runtime import Runtime
from .feed import feed
from .guards import Forgeries, guarded
from .pages import pages_router
from .site import Site


class _Guarded(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """With the guards around all of it, also around what answers for an error of ours."""
        return guarded(super().build_middleware_stack(), self.state.site)


def create_app(hitl: Runtime, serving: Serving | None = None) -> FastAPI:
    """The inbox and its API for a runtime, which stays the caller's to close. Mount it, or serve it with uvicorn."""
    app = _Guarded(title="hitl-core", version="1", docs_url=None, redoc_url=None)
    app.state.site = site = Site(hitl, serving or Serving())
    app.add_middleware(Forgeries, site=site)
    app.include_router(feed)
    app.include_router(pages_router())
    return app
