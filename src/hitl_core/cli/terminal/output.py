"""Where a command writes: its result on standard output, everything else on standard error."""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.text import Text

from ...protocol import Json
from ..options import terminal_width


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is: no markup, no emoji, no guessed highlights."""
    width = terminal_width(sys.stderr if stderr else sys.stdout)
    return _Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """A result that nobody reads ends the command; of what is said beside it, no more is said."""
        if not self.stderr:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self.quiet = True


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
            self.out.print(each, soft_wrap=isinstance(each, Text))  # a command that is shown stays one line to paste

    def more(self, cursor: str | None) -> list[RenderableType]:
        """How to get the next page, if there is one."""
        return [] if cursor is None else [Text(f"there is more: --cursor {cursor}", "dim")]
