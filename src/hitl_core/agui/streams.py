"""Streams to a page, and how many one person has at once."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Final

from ag_ui.core import BaseEvent
from ag_ui.encoder import EventEncoder
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ..callers.seats import Seat
from .reading import whole

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Seated(StreamingResponse):
    """A stream from a place of one person's, which is taken while it lasts. Without one nothing of it is begun."""

    def __init__(self, told: AsyncGenerator[str], seat: Seat, person: str) -> None:
        super().__init__(told, headers=HEADERS, media_type="text/event-stream")
        self._seat, self._person = seat, person

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._seat.is_free:
            await self._refusal()(scope, receive, send)
            return
        with self._seat:
            await super().__call__(scope, receive, send)

    def _refusal(self) -> Response:
        why = f"{self._person!r} listens {self._seat.most} times already; close a page"
        return JSONResponse({"error": why}, HTTPStatus.TOO_MANY_REQUESTS)


async def written(events: AsyncGenerator[BaseEvent]) -> AsyncGenerator[str]:
    """The events of a call as they are sent."""
    encoder = EventEncoder()
    async with aclosing(events):
        async for event in events:
            try:
                yield encoder.encode(event)
            except ValueError:  # half of a character: an app may say it, and UTF-8 cannot
                said = event.model_dump(mode="json", by_alias=True)
                yield f"data: {whole(json.dumps(said, ensure_ascii=False))}\n\n"
