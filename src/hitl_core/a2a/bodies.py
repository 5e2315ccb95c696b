"""What is sent to us is read whole, within bounds, before the SDK reads it: what it cannot answer is refused here."""

from __future__ import annotations

import json
from typing import Final

from a2a.server.request_handlers.response_helpers import build_error_response
from a2a.utils.errors import InvalidRequestError
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY: Final = 4 * 1024 * 1024
"""Bytes of a message, at most; what MCP's SDK takes too."""


class WholeBody:
    """Stands around the calls of the protocol."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            return
        if why := _why_not(body):
            await JSONResponse(build_error_response(None, InvalidRequestError(why)))(scope, receive, send)
            return
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, again, send)


async def _read(receive: Receive) -> bytes | None:
    """The body, or its beginning where it is too long; None if whoever sends it has left."""
    read = bytearray()
    while len(read) <= MOST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        read += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(read)


def _why_not(body: bytes) -> str:
    """Why there is no call in it that can be answered; "" for what the SDK is to judge."""
    if len(body) > MOST_BODY:
        return f"it has more than {MOST_BODY:,} bytes; nothing was done, send less"
    try:
        call = json.loads(body)
        name = call.get("id") if isinstance(call, dict) else None
        str(name).encode()
    except UnicodeEncodeError:
        return "its id has a lone surrogate, which no answer can have; nothing was done, give it another id"
    except (ValueError, RecursionError):
        return ""
    return ""
