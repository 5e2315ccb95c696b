"""SIGTERM and SIGINT for a process that ends in order: heard also while the event loop stands still in a tool.

A thread reads what the signal handlers of the interpreter write to a socket, so nothing that the main thread is busy
with delays it. The first signal asks for an orderly end; the second one ends the process at once, and so does the time
that an orderly end may take.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn, Self

NUMBERS: Final = (signal.SIGTERM, signal.SIGINT)
KILLED_BY: Final = 128
"""What is added to the number of a signal that ended a process, as shells do."""

_OVER: Final = b"\0"


class Hearing:
    """`with Hearing(first, patience=…, late=…)`: calls `first` in its thread at the first signal.

    The process leaves at once with 128 and the number of the second signal, or with `late` if it is still there
    `patience` seconds after the first one.
    """

    def __init__(self, first: Callable[[], None], *, patience: float, late: int) -> None:
        self._first, self._patience, self._late = first, patience, late
        self._ear, self._mouth = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="hitl-signals", daemon=True)
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._mouth.setblocking(False)
        self._fd = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _heard) for number in NUMBERS}
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd)
        self._mouth.send(_OVER)
        self._thread.join()
        self._ear.close()
        self._mouth.close()

    def _listen(self) -> None:
        if self._next() is None:
            return
        with suppress(Exception):  # nobody may be there any more to be told; what follows must still be heard
            self._first()
        self._ear.settimeout(self._patience)
        try:
            again = self._next()
        except TimeoutError:
            leave(self._late)
        if again is not None:
            leave(KILLED_BY + again)

    def _next(self) -> int | None:
        """The number of the next of our signals; None if it is over. Other signals are written there too."""
        while (heard := self._ear.recv(1)) != _OVER:
            if heard[0] in NUMBERS:
                return heard[0]
        return None


def leave(code: int) -> NoReturn:
    """End the process here and now: no thread is waited for, and nothing that is open is tidied."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _heard(number: int, frame: object) -> None:
    """What a signal does is done by the thread that reads of it."""
