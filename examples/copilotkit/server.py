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
from hitl_core.agui import Agent, Person, Wire, mount_copilotkit

HERE = Path(__file__).parent
PEOPLE = ("anybody", "ann", "bob")
"""Those whom the pages let their user be; the first where they have not said."""


async def who(request: Request) -> Person | None:
    """Who is at the page; None for somebody who is not let in. An app of yours asks its own session here. The pages of
    this example keep a name in a cookie, which nobody should believe; `authenticated_by` says so in every record."""
    name = request.cookies.get("person") or PEOPLE[0]
    return Person(Responder(id=name, channel="page", authenticated_by="assertion")) if name in PEOPLE else None


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[None]:
    async with connect(os.environ.get("STUDIO_CONFIG", HERE / "hitl.toml")) as hitl:
        older = Agent("older", hitl, wire=Wire.LEGACY)  # the same, for pages from before June 2026
        pages = mount_copilotkit(app, {"studio": hitl, "older": older}, who=who, asks_with="ask_person")
        app.router.routes.append(Mount("/", StaticFiles(directory=HERE / "dist", html=True)))
        yield
        await pages.working.close()


app = Starlette(lifespan=serving)

if __name__ == "__main__":
    port = int(os.environ.get("STUDIO_PORT", "8130"))
    print(f"open http://127.0.0.1:{port}/", flush=True)
    # a page that listens keeps its connection: without this the server waits for it when it is told to end
    uvicorn.run(app, port=port, log_level="warning", timeout_graceful_shutdown=5)
