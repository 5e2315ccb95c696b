"""A person at a real terminal: `hitl` behind a pty, keys that are pressed, and a screen that is read."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

from tests.cli.shop import PATIENCE, Shop, environment

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """One command at a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._seen = 0
        self.screen = ""

    def expect(self, text: str) -> str:
        """Read until `text` appears after what was expected before; returns what came up to its end."""
        end = time.monotonic() + PATIENCE
        while (at := self.screen.find(text, self._seen)) < 0:
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"{text!r} never came; the screen was:\n{self.screen}")
        before, self._seen = self.screen[self._seen : at + len(text)], at + len(text)
        return before

    def press(self, keys: str) -> None:
        """Press keys, at once as a paste does."""
        os.write(self._master, keys.encode())

    def type(self, line: str) -> None:
        self.press(f"{line}\r")

    def ended(self) -> int:
        """Read the rest; the exit status."""
        end = time.monotonic() + PATIENCE
        while self._read(end - time.monotonic()):
            pass
        return self.process.wait(timeout=PATIENCE)

    def _read(self, timeout: float) -> bool:
        if timeout <= 0 or not select.select([self._master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the last one at the other side has gone
            return False
        self.screen += _COLOURS.sub("", data.decode(errors="replace")).replace("\r", "")
        return bool(data)


@contextmanager
def at_a_terminal(shop: Shop, *arguments: str) -> Iterator[Terminal]:
    """`hitl ARGUMENTS` in a shop, at a terminal of its own."""
    with command_at_a_terminal(shop.command(*arguments), shop.folder) as terminal:
        yield terminal


@contextmanager
def command_at_a_terminal(command: list[str], folder: Path) -> Iterator[Terminal]:
    """Any command; it is killed at the end if it still runs."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environment(), "TERM": "xterm"},
        cwd=folder,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(master)


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C is a signal as it is for people. What a shell begins
    in the background ignores it, and so would this one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ioctl(0, termios.TIOCSCTTY, 0)
