"""What the library logs, on standard error: a line each; whole tracebacks only for who asks for them."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from ...channels.plain_text import visible

VERBOSE: Final = "HITL_VERBOSE"
_PACKAGE: Final = Path(__file__).resolve().parents[2]
_NOT_THE_APP: Final = ("site-packages", "dist-packages", os.sep + "lib" + os.sep + "python", "hitl_adapters", "<")
_ENDINGS: Final = "hitl_core.endings"
"""The log of how turns ended. The command that worked on a run says so itself."""


def log_to_stderr(*, chatty: bool = False) -> None:
    """Send what the library logs to standard error. A worker is `chatty`: nothing but its log says what it does."""
    log = logging.getLogger("hitl_core")
    log.handlers[:] = [each for each in log.handlers if not isinstance(each, _Stderr)] + [_Stderr(chatty=chatty)]
    log.setLevel(logging.INFO if chatty else logging.WARNING)


def is_verbose() -> bool:
    """Whether somebody wants to see where errors come from: `hitl -v`, or HITL_VERBOSE in the environment."""
    return os.environ.get(VERBOSE, "") not in ("", "0")


def place_of(error: BaseException) -> str:
    """Where an error was raised: the innermost line of the app's own, else the innermost; "" if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_of_the_app(frame.filename)]
    for frame in reversed(own or frames):
        return f"{frame.filename}:{frame.lineno}, in {frame.name}"
    return ""


def _is_of_the_app(file: str) -> bool:
    return not file.startswith(str(_PACKAGE)) and not any(part in file for part in _NOT_THE_APP)


class _Stderr(logging.Handler):
    def __init__(self, *, chatty: bool) -> None:
        super().__init__()
        self._chatty = chatty
        self.setFormatter(_Visible("%(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if self._chatty or is_verbose() or record.name != _ENDINGS:
            self._write(self.format(record))
        elif record.exc_info and record.exc_info[1] is not None:
            self._write(visible(where(record.exc_info[1])))

    def _write(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def where(error: BaseException) -> str:
    """One line that leads to the place of an error."""
    return f"raised at {place_of(error) or 'an unknown place'} (`hitl -v …` shows the whole traceback)"


Caught = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Visible(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        caught: Caught = ei
        if caught[1] is not None and not is_verbose():
            return visible(f"  {type(caught[1]).__name__}: {caught[1]}; {where(caught[1])}")
        return visible(super().formatException(ei), lines=True)
