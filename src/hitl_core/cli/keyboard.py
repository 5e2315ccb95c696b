"""One key at a time: a decision is a deliberate press, never a pasted line or an arrow key."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from typing import Final

_LATER_PART_SECONDS: Final = 0.05
"""How long the rest of an escape sequence may take to arrive."""

LEAVE: Final = "q"
_CTRL_C: Final = "\x03"
_CTRL_D: Final = "\x04"
_ESCAPE: Final = "\x1b"


class Keyboard:
    """The terminal that standard input is."""

    def key(self) -> str:
        """The next key: one character; `q` for Ctrl-C, Ctrl-D, Escape and a closed terminal; "" for anything else.

        What was typed before the question was shown is thrown away: nobody can have meant it as an answer.
        """
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        try:
            tty.setraw(terminal, termios.TCSAFLUSH)
            typed = _read(terminal)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        if typed in ("", _CTRL_C, _CTRL_D, _ESCAPE):
            return LEAVE
        return typed if len(typed) == 1 else ""

    def line(self, question: str) -> str | None:
        """A line of text; None if the person thought better of it (Ctrl-C, Ctrl-D)."""
        try:
            return input(question)
        except (KeyboardInterrupt, EOFError):
            print()
            return None


def _read(terminal: int) -> str:
    """What one press sent. An arrow key sends several characters, which must not be taken for keys of their own."""
    data = os.read(terminal, 1024)
    while data.startswith(b"\x1b") and select.select([terminal], [], [], _LATER_PART_SECONDS)[0]:
        more = os.read(terminal, 1024)
        if not more:
            break
        data += more
    return data.decode(errors="replace")
