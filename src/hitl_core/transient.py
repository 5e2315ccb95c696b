"""Failures that pass: a server that is busy or away, as clients of models say it, told by form and not by package; and
a store that is away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .errors import HitlError, StoreUnavailable

_ASK_AGAIN: Final = (408, 425, 429)
"""Statuses below 500 that say: later."""


def is_transient(error: BaseException) -> bool:
    """Whether an error comes of a server that did not answer now and may later: by the status that some error in its
    chain has, or a connection that was refused, was lost or took too long; of ours only that the store is away.
    """
    chain = list(_chain(error))
    ours = (each for each in chain if isinstance(each, HitlError))
    return all(isinstance(each, StoreUnavailable) for each in ours) and any(map(_passes, chain))


def _passes(error: BaseException) -> bool:
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status in _ASK_AGAIN or 500 <= status <= 599
    return isinstance(error, ConnectionError | TimeoutError | StoreUnavailable)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it came of; each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
