"""A server for tests: the shop's runtime behind the real application, and whoever a test says as its visitor.

Who somebody is belongs to authentication, which has tests of its own; here they are as it would say.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from hitl_core.config import Serving
from hitl_core.protocol import Responder
from hitl_core.runtime import Runtime
from hitl_core.server import create_app
from hitl_core.server.auth import Right, Visitor

EVERYTHING = frozenset(Right)
HOST = "http://inbox.test"
SMALL = 8_192
"""Bytes that a socket holds back for who does not read."""


def somebody(
    name: str = "ann",
    *,
    tenant: str | None = None,
    rights: frozenset[Right] = EVERYTHING,
    roles: tuple[str, ...] = (),
) -> Visitor:
    responder = Responder(id=name, roles=roles, channel="web", authenticated_by="link")
    return Visitor(responder, name, tenant, rights, csrf=f"csrf-of-{name}")


@dataclass
class AsVisitor:
    """What stands where authentication is: everybody who comes is `now`."""

    app: ASGIApp
    now: Visitor | None = field(default_factory=somebody)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["visitor"] = self.now
        await self.app(scope, receive, send)


@asynccontextmanager
async def browsing(hitl: Runtime, come: Visitor | None = None) -> AsyncIterator[tuple[httpx.AsyncClient, AsVisitor]]:
    """A browser without a script, without a socket."""
    app = create_app(hitl, Serving(url=HOST))
    app.state.giving.end()  # what is held is given when the test says so
    door = AsVisitor(app, come or somebody())
    transport = httpx.ASGITransport(door)
    async with httpx.AsyncClient(transport=transport, base_url=HOST, follow_redirects=True) as client:
        yield client, door


@asynccontextmanager
async def served(app: ASGIApp, *, port: int = 0, **options: int) -> AsyncIterator[int]:
    """The application on a real socket of this machine, on a port of its own."""
    listening = socket.create_server(("127.0.0.1", port), backlog=512)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)  # who reads nothing is noticed soon
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=10, **options)  # type: ignore[arg-type]  # any option of it
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await running
