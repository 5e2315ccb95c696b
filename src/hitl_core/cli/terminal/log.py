"""What the library logs, on standard error: a line each; whole tracebacks only for who asks for them."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from rich.text import Text

from ...channels.plain_text import visible
from ...logs import FIELDS, JsonLines, Placed, WithoutWords, tell_all
from .output import console

VERBOSE: Final = "HITL_VERBOSE"
LOG: Final = "HITL_LOG"


class LogAs(StrEnum):
    """How lines of the log are written."""

    TEXT = "text"
    JSON = "json"


_PACKAGE: Final = Path(__file__).resolve().parents[2]
_NOT_THE_APP: Final = ("site-packages", "dist-packages", os.sep + "lib" + os.sep + "python", "hitl_adapters", "<")
_ENDINGS: Final = "hitl_core.endings"
"""The log of how turns ended. The command that worked on a run says so itself."""


def log_to_stderr(*, chatty: bool = False) -> None:
    """Send what the library logs to standard error. A worker is `chatty`: nothing but its log says what it does.

    As JSON, all of it, and what other libraries warn of: a line that is not JSON would break its reader.
    """
    tell_all(is_verbose())
    ours, others, as_json = logging.getLogger("hitl_core"), logging.getLogger(), is_json()
    for log in (ours, others):
        log.handlers[:] = [each for each in log.handlers if not isinstance(each, _Stderr | _Lines)]
    ours.addHandler(_Lines() if as_json else _Stderr(chatty=chatty))
    ours.setLevel(logging.INFO if chatty or as_json else logging.WARNING)
    ours.propagate = not as_json
    if as_json:
        others.addHandler(_Lines(logging.WARNING))


def is_json() -> bool:
    """Whether lines are to be JSON: `hitl --log json`, or HITL_LOG=json in the environment."""
    return os.environ.get(LOG) == LogAs.JSON


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


def tell(words: str, style: str = "") -> None:
    """Say on standard error what a command does: to a reader of JSON as a line of the log."""
    if is_json():
        logging.getLogger("hitl_core").info(words)
    else:
        console(stderr=True).print(Text(words, style))


class _Lines(logging.Handler):
    """A JSON object on each line, from every logger, with as few words as ours."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.setFormatter(JsonLines())
        self.addFilter(Placed())
        without_words = WithoutWords()
        without_words.tells_all = is_verbose()
        self.addFilter(without_words)

    def emit(self, record: logging.LogRecord) -> None:
        _write(self.format(record))


class _Stderr(logging.Handler):
    def __init__(self, *, chatty: bool) -> None:
        super().__init__()
        self._chatty = chatty
        self.setFormatter(_Visible("%(levelname)s: %(message)s"))
        self.addFilter(Placed())

    def emit(self, record: logging.LogRecord) -> None:
        if self._chatty or is_verbose() or record.name != _ENDINGS:
            _write(self.format(record))
        elif record.exc_info and record.exc_info[1] is not None:
            _write(visible(where(record.exc_info[1])))


def _write(text: str) -> None:
    """A log that cannot be written (nobody reads it, the disk is full) is no reason to break off what it tells of."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _place(record: logging.LogRecord) -> str:
    """Where it was, for a log that is kept; a person at a terminal knows."""
    if os.environ.get(LOG) != LogAs.TEXT:
        return ""
    known = " ".join(f"{name}={value}" for name in FIELDS if (value := getattr(record, name, "")))
    return f"  [{known}]" if known else ""


def where(error: BaseException) -> str:
    """One line that leads to the place of an error."""
    return f"raised at {place_of(error) or 'an unknown place'} (`hitl -v …` shows the whole traceback)"


Caught = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Visible(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        return visible(super().formatMessage(record) + _place(record))

    def formatException(self, ei: Any) -> str:
        caught: Caught = ei
        if caught[1] is not None and not is_verbose():
            return visible(f"  {type(caught[1]).__name__}: {caught[1]}; {where(caught[1])}")
        return visible(super().formatException(ei), lines=True)
