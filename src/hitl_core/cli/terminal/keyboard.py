"""One key at a time: a decision is a deliberate press, never a pasted line or an arrow key."""

from __future__ import annotations

import os
import select
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ...channels.plain_text import visible
from .prompt import LEAVE

_LOOK_SECONDS: Final = 0.5
"""How often a keyboard looks whether there is still something to ask."""

_LATER_PART_SECONDS: Final = 0.05
"""How long the rest of an escape sequence may take to arrive."""

_CTRL_C: Final = "\x03"
_CTRL_D: Final = "\x04"
_ESCAPE: Final = "\x1b"
_LOCAL: Final = 3
_SPECIAL: Final = 6


class NothingToAsk(Exception):
    """What was asked needs no answer any more."""


@dataclass(frozen=True, slots=True)
class Keyboard:
    """The terminal that standard input is."""

    until: Callable[[], bool] | None = None
    """Whether there is nothing to ask any more, where that can happen while somebody thinks. A question that it says
    this of ends with NothingToAsk."""

    def key(self, show: Callable[[], None]) -> str:
        """`show` a question, then the next key: one character, or "" for what is none.

        Ctrl-C, Ctrl-D, Escape and a closed terminal are `q`. What was typed before the question was there is thrown
        away: nobody can have meant it as an answer.
        """
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        try:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, _single_keys(before))
            show()
            self._await(terminal)
            typed = _read(terminal)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        if typed in ("", _CTRL_C, _CTRL_D, _ESCAPE):
            return LEAVE
        return typed if len(typed) == 1 else ""

    def line(self, question: str) -> str | None:
        """A line of text; None if the person thought better of it (Ctrl-C, Ctrl-D)."""
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        try:
            termios.tcsetattr(terminal, termios.TCSADRAIN, _whole_lines(before))
            while (line := self._asked(terminal, question)) is not None:
                if line.isprintable():
                    return line
                print(f"  there are keys in it that are no text: {visible(line)}")
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        return None

    def _asked(self, terminal: int, question: str) -> str | None:
        print(question, end="", flush=True)
        data = b""
        while not data.endswith(b"\n"):
            self._await(terminal)
            more = os.read(terminal, 65_536)
            data += more
            if not more or data.endswith(_CTRL_C.encode()):
                print()
                return None
        return data.decode(errors="replace").removesuffix("\n")

    def _await(self, terminal: int) -> None:
        """Wait for a key, as long as there is something to ask."""
        while self.until is not None and not select.select([terminal], [], [], _LOOK_SECONDS)[0]:
            if self.until():
                print()
                raise NothingToAsk


@contextmanager
def ctrl_c_as_a_key() -> Iterator[None]:
    """Meanwhile Ctrl-C is no signal, also not for whoever started us (make would call it an error of its own)."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        termios.tcsetattr(terminal, termios.TCSADRAIN, _single_keys(before))
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def until_readable(file: int | None) -> None:
    """Wait for something to read, or without a file for half a second. Raises KeyboardInterrupt for Ctrl-C; other keys
    mean nothing now."""
    terminal = sys.stdin.fileno()
    files = [terminal] if file is None else [file, terminal]
    while file not in (ready := select.select(files, [], [], _LOOK_SECONDS if file is None else None)[0]):
        if not ready:
            return
        typed = os.read(terminal, 1024) if terminal in ready else b""
        if not typed or _CTRL_C.encode() in typed:
            raise KeyboardInterrupt


def _whole_lines(attributes: list[Any]) -> list[Any]:
    """Lines as the terminal edits them. Ctrl-C ends one at once; as a signal it could come before anybody waits."""
    changed = [*attributes]
    changed[_LOCAL] = changed[_LOCAL] & ~termios.ISIG | termios.ICANON | termios.ECHO
    changed[_SPECIAL] = [*attributes[_SPECIAL]]
    changed[_SPECIAL][termios.VEOL] = _CTRL_C.encode()
    return changed


def _single_keys(attributes: list[Any]) -> list[Any]:
    """Every key at once, none of them a signal, none echoed; output stays as it is."""
    changed = [*attributes]
    changed[_LOCAL] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    changed[_SPECIAL] = [*attributes[_SPECIAL]]
    changed[_SPECIAL][termios.VMIN], changed[_SPECIAL][termios.VTIME] = 1, 0
    return changed


def _read(terminal: int) -> str:
    """What one press sent. An arrow key sends several characters, which must not be taken for keys of their own."""
    data = os.read(terminal, 1024)
    while data.startswith(b"\x1b") and select.select([terminal], [], [], _LATER_PART_SECONDS)[0]:
        more = os.read(terminal, 1024)
        if not more:
            break
        data += more
    return data.decode(errors="replace")
