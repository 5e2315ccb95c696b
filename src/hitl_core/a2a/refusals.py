"""Our errors as those of A2A: one table. What nobody has foreseen is logged, and not told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from a2a.utils.errors import (
    A2AError,
    InternalError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from ..errors import (
    FaultyError,
    HitlError,
    NotPermitted,
    RecordError,
    ResponseRefused,
    RunFinished,
    RunNotFound,
    Stopped,
)

log = logging.getLogger("hitl_core")

TABLE: Final[tuple[tuple[type[HitlError], type[A2AError]], ...]] = (
    (RunNotFound, TaskNotFoundError),
    (RunFinished, TaskNotCancelableError),
    (NotPermitted, UnsupportedOperationError),
    (ResponseRefused, UnsupportedOperationError),
    (Stopped, UnsupportedOperationError),
    (RecordError, InvalidParamsError),
)


@contextmanager
def translated() -> Iterator[None]:
    """Raises what the protocol has for an error of ours."""
    try:
        yield
    except A2AError:
        raise
    except HitlError as exc:
        raise error_of(exc) from exc
    except Exception as exc:
        log.error("a call over A2A failed: %s", exc, exc_info=exc)
        raise InternalError("something broke here that is no fault of yours; the server's log says what") from exc


def error_of(exc: HitlError) -> A2AError:
    for ours, theirs in TABLE:
        if isinstance(exc, ours):
            return theirs(str(exc), _data(exc))
    log.warning("a call over A2A came to nothing: %s", exc)
    return InternalError(f"it cannot be done just now ({exc.code}); the server's log says why", {"code": exc.code})


def _data(exc: HitlError) -> dict[str, object]:
    faults = exc.faults if isinstance(exc, FaultyError) else ()
    return {"code": exc.code, "faults": [{"path": each.path, "problem": each.problem} for each in faults]}
