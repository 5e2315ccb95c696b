"""What is sent to us is read here, whole: no more and no slower than is allowed, and JSON where that is due.

The app begins when it is all there, so nothing in it waits for somebody who sends a byte a minute.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...config import Serving
from .refusals import CLOSE, is_for_programs, only, refuse

JSON: Final = "application/json"
TOO_LARGE: Final = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Gone(Exception):
    """Whoever sent it has left before it was all there."""


class TooLarge(Exception):
    """There is more than may be."""


class BodyLimits:
    """Reads the body of a request before the app begins, within `server.body` and `server.patience`."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self._app, self._most, self._patience = app, serving.body, serving.patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._patience):
                body = await self._read(scope, receive)
        except TooLarge:
            why = f"a request may have {self._most} bytes at most (server.body in hitl.toml); nothing was done"
            await refuse(scope, send, TOO_LARGE, why, CLOSE)
        except TimeoutError:
            why = f"the request was not all there after {self._patience:g} s; nothing was done, send it again"
            await refuse(scope, send, HTTPStatus.REQUEST_TIMEOUT, why, CLOSE)
        except Gone:
            return
        else:
            await self._let_through(scope, body, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """It is counted as it comes; what is said of its length only lets us refuse it sooner."""
        if _said(scope) > self._most:
            raise TooLarge
        read = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            read += message.get("body", b"")
            if len(read) > self._most:
                raise TooLarge
            if not message.get("more_body", False):
                return bytes(read)

    async def _let_through(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        if body and is_for_programs(scope) and _kind(scope) != JSON:
            why = f"the API takes {JSON}, not {_kind(scope)[:100] or 'a body of no kind'!r}; nothing was done"
            await refuse(scope, send, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, why)
            return
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, again, send)


def _said(scope: Scope) -> int:
    """How long it says that it is; more than anything that is allowed, if it says that twice or badly."""
    said = only(scope, b"content-length")
    if said is None:
        return 0
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 20 else 1 << 62


def _kind(scope: Scope) -> str:
    return (only(scope, b"content-type") or "").partition(";")[0].strip().lower()
