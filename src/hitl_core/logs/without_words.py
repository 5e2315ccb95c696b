"""The log without what agents and people say: of an error that may quote that, its kind and its place are logged.

What a tool or an app raises has arguments and results in it, what people say is in the reason of a stop. Who needs the
words finds them where they are protected: with the run, in the store. Our own errors about stores, leases, packages and
the configuration are made of our words, and say all.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, Final

from ..errors import (
    AdapterConflict,
    AdapterNotFound,
    AdapterNotInstalled,
    AdapterTooOld,
    AppChanged,
    CapabilityNotSupported,
    ConfigError,
    HitlError,
    LeaseLost,
    RunBusy,
    RunFinished,
    RunNotFound,
    StoreError,
)
from .names import LOGGERS

IN_OUR_WORDS: Final = (
    AdapterConflict,
    AdapterNotFound,
    AdapterNotInstalled,
    AdapterTooOld,
    AppChanged,
    CapabilityNotSupported,
    ConfigError,
    LeaseLost,
    RunBusy,
    RunFinished,
    RunNotFound,
    StoreError,
)
"""The errors that quote ids, names and settings, and nothing that agents or people say."""

UNSAID: Final = "(what it says is not logged)"

_DEEPEST: Final = 8
"""Causes of causes that are still told."""

Caught = tuple[type[BaseException], BaseException, TracebackType | None]


class Told(Exception):
    """Stands in the log for an error: it has the name of its kind, its place, and what may be said."""


def said_of(error: BaseException) -> str:
    """What may be said of an error wherever anybody may read it."""
    if isinstance(error, IN_OUR_WORDS):
        return str(error)
    kind = type(error).__name__
    return f"{error.code} {kind}" if isinstance(error, HitlError) else kind


class WithoutWords(logging.Filter):
    """Takes the words of errors out of a record, whoever handles it. `tells_all` leaves them in."""

    tells_all = False

    def filter(self, record: logging.LogRecord) -> bool:
        if self.tells_all:
            return True
        if isinstance(record.args, tuple) and any(isinstance(each, BaseException) for each in record.args):
            record.args = tuple(_told(each) for each in record.args)
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_info, record.exc_text = _stand_in(record.exc_info[1], _DEEPEST), None
        return True


def _told(given: Any) -> Any:
    return said_of(given) if isinstance(given, BaseException) else given


def _stand_in(error: BaseException, left: int) -> Caught:
    """An error of the same name, raised at the same place, with causes that are stand-ins as well."""
    if isinstance(error, Told):
        return type(error), error, error.__traceback__
    kind = type(error)
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    made = type(kind.__name__, (Told,), named)(str(error) if isinstance(error, IN_OUR_WORDS) else UNSAID)
    made.__traceback__ = error.__traceback__
    why = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if why is not None and left:
        made.__cause__ = _stand_in(why, left - 1)[1]
    return type(made), made, made.__traceback__


WITHOUT_WORDS: Final = WithoutWords()

for _name in LOGGERS:
    logging.getLogger(_name).addFilter(WITHOUT_WORDS)


def named(name: str) -> logging.Logger:
    """One of our loggers. Raises KeyError for one that is not in `LOGGERS`: nobody would know of it."""
    if name not in LOGGERS:
        raise KeyError(name)
    return logging.getLogger(name)


def tell_all(wanted: bool = True) -> None:
    """Log what errors say, whole. For whoever looks for a mistake in an app of their own, not for production."""
    WITHOUT_WORDS.tells_all = wanted
