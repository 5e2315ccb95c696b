"""The console channel: a line on the terminal for every new request or notice."""

from __future__ import annotations

import sys
from typing import TextIO

from ..contracts import More
from ..protocol import Kind, PauseRequest
from .plain_text import visible


class ConsoleChannel:
    """Writes one line per request to `stream` (standard error by default)."""

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def announce(self, request: PauseRequest) -> None:
        sign = "notice" if request.kind is Kind.NOTICE else "waits"
        print(f"[{sign}] {request.id}  {visible(request.title)}", file=self._stream or sys.stderr, flush=True)

    async def sum_up(self, more: More) -> None:
        who = f" of agent '{visible(more.agent)}'" if more.agent else ""
        said = f"[waits] {more.count} more{who} within a minute, the newest {more.newest.id}; `hitl inbox` lists them"
        print(said, file=self._stream or sys.stderr, flush=True)
