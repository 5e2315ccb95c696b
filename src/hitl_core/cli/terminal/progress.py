"""Live progress of a working run: its steps, tool calls and words, as they come, on standard error."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from rich.console import Console
from rich.text import Text

from ...protocol import LiveEvent, LiveKind
from .render import shown


class Progress:
    """Writes events down one after the other; the parts of one message go on on the same line."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._line: tuple[str, str] | None = None

    async def follow(self, events: AsyncIterator[LiveEvent]) -> str | None:
        """Show all events; returns the id of the run that they came from."""
        run_id = None
        async for event in events:
            run_id = event.run_id
            self.show(event)
        self._end_line()
        return run_id

    def show(self, event: LiveEvent) -> None:
        match event.kind:
            case LiveKind.STARTED:
                self._write(Text.assemble("run ", (event.run_id, "bold"), " works"))
            case LiveKind.STEP:
                self._write(Text.assemble(("· ", "dim"), shown(event.node, "dim")))
            case LiveKind.TEXT:
                self._go_on(("text", event.id), "  ", shown(event.text, lines=True))
            case LiveKind.TOOL_CALL:
                self._tool_call(event)
            case LiveKind.TOOL_RESULT:
                self._write(Text.assemble(("← ", "cyan"), self._short(event.text)))
            case LiveKind.CUSTOM:
                said = event.text or json.dumps(event.data, ensure_ascii=False)
                self._write(Text.assemble(("! ", "yellow"), self._short(said)))
            case LiveKind.STATE | LiveKind.PAUSED | LiveKind.COMPLETED | LiveKind.FAILED:
                self._end_line()  # how the run stands is the command's own result; a state is for programs

    def _short(self, text: str) -> Text:
        """A text on what is left of one line of this terminal."""
        line = shown(" ".join(text.split()))
        if self._console is not None:
            line.truncate(self._console.width - 2, overflow="ellipsis")
        return line

    def _tool_call(self, event: LiveEvent) -> None:
        data = event.data if isinstance(event.data, dict) else {}
        arguments = json.dumps(data.get("arguments", {}), ensure_ascii=False)
        self._write(Text.assemble(("→ ", "cyan"), self._short(f"{data.get('tool', '?')} {arguments}")))

    def _go_on(self, line: tuple[str, str], sign: str, text: Text) -> None:
        if self._console is None:
            return
        if self._line != line:
            self._end_line()
            self._console.print(Text(sign, "cyan"), end="")
        self._line = line
        self._console.print(text, end="", soft_wrap=True)

    def _write(self, text: Text) -> None:
        self._end_line()
        if self._console is not None:
            self._console.print(text)

    def _end_line(self) -> None:
        if self._line is not None and self._console is not None:
            self._console.print()
        self._line = None
