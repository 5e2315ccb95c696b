"""The log without secrets: while a turn lives that has met some, no line and no traceback of ours quotes them.

What anybody says is left out by `logs.without_words`; this is for who has it said all the same (`tell_all`).
"""

from __future__ import annotations

import logging
import traceback
from typing import Final, Protocol
from weakref import WeakSet

from ..logs import LOGGERS


class Cleans(Protocol):
    """Something that knows secrets."""

    def text(self, text: str) -> str: ...


class LogMask(logging.Filter):
    """Cleans records before any handler sees them."""

    def __init__(self) -> None:
        super().__init__()
        self._knowing: WeakSet[Cleans] = WeakSet()

    def heed(self, veil: Cleans) -> None:
        """Leave out what `veil` knows, for as long as it lives."""
        self._knowing.add(veil)

    def filter(self, record: logging.LogRecord) -> bool:
        knowing = list(self._knowing)
        if not knowing:
            return True
        said = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            said = f"{said}\n{''.join(traceback.format_exception(record.exc_info[1])).rstrip()}"
        clean = said
        for veil in knowing:
            clean = veil.text(clean)
        if clean != said:
            record.msg, record.args, record.exc_info, record.exc_text = clean, (), None, None
        return True


LOG_MASK: Final = LogMask()

for _name in LOGGERS:
    logging.getLogger(_name).addFilter(LOG_MASK)
