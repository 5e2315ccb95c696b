"""The pages and the agent behind them, in one process: `python server.py`, then open the address that it prints.

This is all that an app of your own needs: a runtime from a configuration, and `mount_copilotkit`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from hitl_core import Responder, connect
from hitl_core.agui import Person, mount_copilotkit

HERE = Path(__file__).parent


async def who(request: Request) -> Person:
    """Who is at the page. An app of yours asks its own session here. The pages of this example keep a name in a cookie,
    which nobody should believe; `authenticated_by` says so in the record of every answer."""
    name = request.cookies.get("person") or "anybody"
    return Person(Responder(id=name, channel="page", authenticated_by="assertion"))


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[None]:
    async with connect(os.environ.get("STUDIO_CONFIG", HERE / "hitl.toml")) as hitl:
        pages = mount_copilotkit(app, {"studio": hitl}, who=who)
        app.router.routes.append(Mount("/", StaticFiles(directory=HERE / "dist", html=True)))
        yield
        await pages.working.close()


app = Starlette(lifespan=serving)

if __name__ == "__main__":
    port = int(os.environ.get("STUDIO_PORT", "8130"))
    print(f"open http://127.0.0.1:{port}/", flush=True)
    uvicorn.run(app, port=port, log_level="warning")
