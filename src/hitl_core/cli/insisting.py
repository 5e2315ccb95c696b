"""A stop that is wanted while the store is away: it is given again and again until it is in force, and that is said.

It is kept nowhere else. Nothing begins while the store is away, as the store is asked before each beginning; and a stop
that one machine knew of, and others not, would look like one.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, TypeVar

from ..errors import StoreUnavailable
from .terminal.output import Output
from .terminal.render import shown

T = TypeVar("T")

BETWEEN: Final = 0.2
"""Seconds between two tries."""


def insisted(give: Callable[[], T], output: Output, *, give_up: float | None) -> T:
    """What comes of it. Raises StoreUnavailable once the store was away for `give_up` seconds (None: never)."""
    since, said = time.monotonic(), ""
    try:
        with _interruptions() as interrupted:
            while True:
                try:
                    return give()
                except StoreUnavailable as exc:
                    if interrupted():
                        raise KeyboardInterrupt from exc
                    if give_up is not None and time.monotonic() - since >= give_up:
                        raise
                    said = _say(output, exc, before=said)
                time.sleep(BETWEEN)
    except KeyboardInterrupt:
        output.err.print(shown("given up: the stop is NOT in force", "bold red"))
        raise


@contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed meanwhile: what it interrupts may end with an error of its own, and hide it."""
    pressed: list[int] = []

    def press(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():  # to which signals do not come
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _say(output: Output, because: StoreUnavailable, *, before: str) -> str:
    """Say once why it is not in force, and again when that changes."""
    said = f"NOT in force yet: {because.code} {because}"
    if said != before:
        output.err.print(shown(said, "bold red"), soft_wrap=True)
    if not before:
        left = "nothing begins while the store is away; tried again until it is in force, Ctrl-C gives up"
        output.err.print(shown(left, "dim"), soft_wrap=True)
    return said
