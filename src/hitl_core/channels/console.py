"""The console channel: a line on the terminal for every new request or notice."""

from __future__ import annotations

import sys
from typing import TextIO

from ..protocol import Kind, PauseRequest


class ConsoleChannel:
    """Writes one line per request to `stream` (standard error by default)."""

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def announce(self, request: PauseRequest) -> None:
        sign = "notice" if request.kind is Kind.NOTICE else "waits"
        print(f"[{sign}] {request.id}  {plain(request.title)}", file=self._stream or sys.stderr, flush=True)


def plain(text: str) -> str:
    """The text with control and format characters shown as escapes, so that it cannot rewrite the terminal."""
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)
