"""Agents of the app's own: nobody can look inside, so a turn of theirs that has ended is remembered as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, cast

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, MessageFactory

from hitl_core.protocol import Json
from hitl_core.tools import as_json

from ..suspend import Scope


async def remembered(
    scope: Scope,
    agent: BaseChatAgent,
    stream: AsyncIterator[Any],
    factory: MessageFactory,
    save: Callable[[], Awaitable[Mapping[str, Any]]],
    load: Callable[[Mapping[str, Any]], Awaitable[None]],
) -> AsyncIterator[Any]:
    """One turn; if it has ended before, its answer and the state after it, and nothing runs."""
    key = f"turn:{scope.place}"
    known = cast("dict[str, Any] | None", scope.session.journal.get(key))
    if known is not None:
        await load(known["state"])
        yield _response(known, factory)
        return
    async for item in stream:
        if isinstance(item, Response):
            kept = {"state": as_json(await save()), **_record(item)}
            await scope.session.gate.remember(key, kept)
        yield item


def _record(response: Response) -> dict[str, Json]:
    inner = [as_json(message.dump()) for message in response.inner_messages or ()]
    return {"message": as_json(response.chat_message.dump()), "inner": inner}


def _response(kept: Mapping[str, Any], factory: MessageFactory) -> Response:
    inner = [factory.create(message) for message in kept["inner"]]
    return Response(chat_message=cast("BaseChatMessage", factory.create(kept["message"])), inner_messages=inner)
