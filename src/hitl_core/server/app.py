"""The ASGI application, put together."""

from __future__ import annotations

from fastapi import FastAPI

from ..config import Serving
from ..runtime import Runtime
from .api import install
from .feed import feed
from .pages import pages_router
from .site import Site


def create_app(hitl: Runtime, serving: Serving | None = None) -> FastAPI:
    """The inbox and its API for a runtime, which stays the caller's to close. Mount it, or serve it with uvicorn."""
    app = FastAPI(title="hitl-core", version="1", docs_url=None, redoc_url=None)
    app.state.site = Site(hitl, serving or Serving())
    app.include_router(feed)
    install(app)
    app.include_router(pages_router())
    return app
