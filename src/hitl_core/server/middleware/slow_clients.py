"""Slow clients: who sends a byte now and then, or takes one now and then, is cut off after `server.patience` seconds.

uvicorn waits for the head of a request, and for whoever reads an answer, for as long as that takes. That the body of a
request comes in time is for body_limits.py to see.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from ...config import Serving


class Patience(H11Protocol):
    """One connection. Made by `slow_client_protocol`, which says for how long it waits."""

    patience: float

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._for_a_head: asyncio.TimerHandle | None = None
        self._for_a_reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if getattr(self.cycle, "response_complete", True):
            self._await_head()
        else:
            self._head_is_there()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._for_a_reader is None:
            self._for_a_reader = self.loop.call_later(self.patience, self._cut_off)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._for_a_reader is not None:
            self._for_a_reader.cancel()
            self._for_a_reader = None

    def _await_head(self) -> None:
        """From the first byte on, or from the connection: more bytes do not make it longer."""
        if self._for_a_head is None and not self.transport.is_closing():
            self._for_a_head = self.loop.call_later(self.patience, self._cut_off)

    def _head_is_there(self) -> None:
        if self._for_a_head is not None:
            self._for_a_head.cancel()
            self._for_a_head = None

    def _cut_off(self) -> None:
        self.transport.abort()


def slow_client_protocol(serving: Serving) -> type[Patience]:
    """The protocol for a server that is configured so."""
    return type("Patience", (Patience,), {"patience": serving.patience})
