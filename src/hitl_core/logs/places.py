"""Where a line was written: in which run, about which request, in which turn of which worker, in which trace."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of where we are; "" for what is not. `turn` is the fence of its lease: it counts a run's turns."""

    run_id: str = ""
    request_id: str = ""
    turn: str = ""
    worker: str = ""


_NOWHERE: Final = Place()
PLACE: Final = ContextVar("hitl_place", default=_NOWHERE)
"""Tasks and threads that a turn starts inherit it."""


@contextmanager
def placed(**known: str) -> Iterator[None]:
    """Meanwhile, lines are written about this."""
    token = PLACE.set(replace(PLACE.get(), **known))
    try:
        yield
    finally:
        PLACE.reset(token)


class Placed(logging.Filter):
    """For a handler: puts `run_id`, `request_id`, `turn`, `worker`, `trace_id` and `span_id` on each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        here = PLACE.get()
        record.run_id, record.request_id = here.run_id, here.request_id
        record.turn, record.worker = here.turn, here.worker
        record.trace_id, record.span_id = _trace()
        return True


def _trace() -> tuple[str, str]:
    """The ids of the span that is under way. Where nobody has imported OpenTelemetry there is none."""
    trace = sys.modules.get("opentelemetry.trace")
    found = None if trace is None else trace.get_current_span().get_span_context()
    if found is None or not found.is_valid:
        return "", ""
    return f"{found.trace_id:032x}", f"{found.span_id:016x}"
