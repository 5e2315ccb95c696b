"""Where a command writes: its result on standard output, everything else on standard error."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from ...plain_text import visible
from ...protocol import Json
from ..options import terminal_width


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is: no markup, no emoji, no guessed highlights."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=terminal_width())


@dataclass(frozen=True, slots=True)
class Output:
    """Either one JSON document on standard output, or something to read there."""

    as_json: bool = False
    out: Console = field(default_factory=console)
    err: Console = field(default_factory=lambda: console(stderr=True))

    def result(self, document: Json, *shown: RenderableType) -> None:
        """The result of the command: `document` with --json, else `shown`."""
        if self.as_json:
            print(json.dumps(document, indent=2), flush=True)  # ASCII: harmless on any terminal
            return
        for each in shown:
            self.out.print(each)

    def more(self, cursor: str | None) -> list[RenderableType]:
        """How to get the next page, if there is one."""
        return [] if cursor is None else [Text(f"there is more: --cursor {cursor}", "dim")]


def log_to_stderr(*, chatty: bool = False) -> None:
    """Send what the library logs to standard error, one harmless line each."""
    log = logging.getLogger("hitl_core")
    log.handlers[:] = [each for each in log.handlers if not isinstance(each, _Stderr)] + [_Stderr()]
    log.setLevel(logging.INFO if chatty else logging.WARNING)


class _Stderr(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Visible("%(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


class _Visible(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return visible(super().formatException(ei), lines=True)
