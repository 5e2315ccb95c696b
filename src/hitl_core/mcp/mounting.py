"""MCP in an application, by streamable HTTP: its calls for who has come in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, cast

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..callers import Caller, Desk, WhoCalls
from ..callers.authentication import RequireCaller, by_known_name
from ..errors import NotSignedIn
from ..runtime import Runtime
from .calls import server_of
from .rounds import Context

CHANNEL: Final = "mcp"
IDLE: Final = 600.0
"""Seconds after which a session that nobody uses ends."""
MOST_SESSIONS: Final = 32
"""Sessions of one caller, so that nobody takes the place of others."""


def mount_mcp(
    app: Starlette,
    hitl: Runtime,
    *,
    who: WhoCalls,
    prefix: str = "/mcp",
    may_answer: Iterable[str] = (),
    inbox: str = "",
    name: str = "",
) -> Sessions:
    """Let other agents' clients start runs of the app, and be asked, over MCP. Close what is returned with the app.

    The rest is as in `mount_a2a`.
    """
    desk, known = Desk(hitl, CHANNEL, frozenset(may_answer), inbox), by_known_name(hitl, who)

    async def caller(context: Context) -> Caller:
        come = await known(cast("HTTPConnection", context.request))  # which this transport always has
        if come is None:
            raise NotSignedIn("who calls is not signed in any more")
        return come

    sessions = Sessions(server_of(desk, caller, name=name or hitl.settings.app or "agent"))
    app.router.routes.append(Route(prefix, RequireCaller(sessions, known)))
    return sessions


class Sessions:
    """The sessions of clients that speak the protocol as it was before 2026-07-28, and the calls of all.

    Each caller has them by itself. They are begun with the first request, as an application that this is mounted in may
    not tell when it begins.
    """

    def __init__(self, server: Server[Any]) -> None:
        self._server = server
        self._managers: dict[str, StreamableHTTPSessionManager] = {}
        self._running: list[asyncio.Task[None]] = []
        self._beginning = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = _name_of(scope)
        manager = await self._begun(who)
        user = AuthenticatedUser(AccessToken(token="", client_id=who, scopes=[]))
        await manager.handle_request({**scope, "user": user}, receive, send)

    async def close(self) -> None:
        """End all sessions."""
        running, self._running, self._managers = self._running, [], {}
        for each in running:
            each.cancel()
        for each in running:
            with suppress(asyncio.CancelledError):
                await each

    async def _begun(self, who: str) -> StreamableHTTPSessionManager:
        async with self._beginning:
            if who not in self._managers:
                manager, ready = self._made(), asyncio.Event()
                self._running.append(asyncio.create_task(_run(manager, ready)))
                await ready.wait()
                self._managers[who] = manager
            return self._managers[who]

    def _made(self) -> StreamableHTTPSessionManager:
        return StreamableHTTPSessionManager(self._server, session_idle_timeout=IDLE, max_sessions=MOST_SESSIONS)


async def _run(manager: StreamableHTTPSessionManager, ready: asyncio.Event) -> None:
    try:
        async with manager.run():
            ready.set()
            await asyncio.Event().wait()
    finally:
        ready.set()  # also where it does not begin, so that nobody waits for it


def _name_of(scope: Scope) -> str:
    """Who has come, by tenant and name: a session is theirs who began it."""
    caller: Caller = scope["state"]["caller"]
    return f"{caller.tenant}\n{caller.responder.id}"
