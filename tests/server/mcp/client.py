"""The official SDK's client, with a token, over a real socket, in either era of the protocol; and its user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult

OLD: Final = "legacy"
NEW: Final = "2026-07-28"
ERAS: Final = (OLD, NEW)

Does = Callable[[ElicitRequestParams], ElicitResult]


def accepts(**content: Any) -> Does:
    return lambda _: ElicitResult(action="accept", content=content)


def declines(_: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="decline")


def opens(_: ElicitRequestParams) -> ElicitResult:
    """They go to the page that they are sent to."""
    return ElicitResult(action="accept")


def dismisses(_: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="cancel")


@dataclass
class User:
    """Whoever sits in front of a client: what they were asked, and what they do about it, in order."""

    does: list[Does]
    asked: list[ElicitRequestParams] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] | None = None
    """What happens elsewhere while they look at it."""

    async def __call__(self, context: object, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params)
        if self.before is not None:
            await self.before()
        return self.does.pop(0)(params)

    @property
    def form(self) -> dict[str, Any]:
        """The form that they were shown last."""
        last = self.asked[-1]
        assert isinstance(last, ElicitRequestFormParams)
        return dict(last.requested_schema)


@dataclass
class Calling:
    client: Client

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(tool, arguments)

    async def run(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a call returns that does not fail."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, result.content
        data: dict[str, Any] = result.structured_content
        return data

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Why a call comes to nothing."""
        result = await self.call(tool, **arguments)
        assert result.is_error, result.structured_content
        return "\n".join(each.text for each in result.content if each.type == "text")


@asynccontextmanager
async def calling(
    url: str, who: str | None, *does: Does, era: str = NEW, at: str = "/mcp"
) -> AsyncIterator[tuple[Calling, User]]:
    """Somebody's client; with no `does` it cannot ask its user anything."""
    headers = {"Authorization": f"Bearer {who}"} if who else {}
    user = User(list(does))
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(f"{url}{at}", http_client=http)
        callback = user if does else None
        async with Client(transport, mode=era, elicitation_callback=callback) as client:
            yield Calling(client), user
