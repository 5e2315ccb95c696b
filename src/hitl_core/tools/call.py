"""The call that is running now: what a tool may know of it, and what it returned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from ..protocol import Json


@dataclass(frozen=True, slots=True)
class Call:
    """The gated call whose tool is running. `key` is the idempotency key: the same for every attempt of it."""

    run_id: str
    name: str
    attempt: int = 1

    @property
    def key(self) -> str:
        return f"{self.run_id}:{self.name}"


_current: ContextVar[Call | None] = ContextVar("hitl_current_call", default=None)
_returned: ContextVar[list[Json] | None] = ContextVar("hitl_returned", default=None)

RETURNED: Final = "hitl/returned"
"""Where a result that is kept in a framework's form has what the tool returned."""


def with_receipt(form: dict[str, Json], returned: Json) -> dict[str, Json]:
    """A result in a framework's form, as it is kept: with what the tool returned beside it, which an undo is given."""
    return form if returned is None else {**form, RETURNED: returned}


def current_call() -> Call:
    """The call that is running now, for its idempotency key. Raises LookupError outside a gated tool."""
    if (call := _current.get()) is None:
        raise LookupError("no gated tool is running here")
    return call


@contextmanager
def running(call: Call, returned: list[Json] | None = None) -> Iterator[Call]:
    """Mark `call` as the one that runs in this context; what tools return there is added to `returned`."""
    was, seen = _current.set(call), _returned.set(returned)
    try:
        yield call
    finally:
        _returned.reset(seen)
        _current.reset(was)


def seen(result: Json) -> Json:
    """What a tool returned, told to whoever runs its call."""
    if (returned := _returned.get()) is not None:
        returned.append(result)
    return result
