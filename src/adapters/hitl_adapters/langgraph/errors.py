"""LangGraph's errors in our words, its versions that are too old, and the two ways to say no to an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hitl_core.errors import Fault, HitlError, PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Decision
from hitl_core.versions import require_at_least

OLDEST: Final = {
    "langgraph": "1.2.20",  # an answer to a question that is over raises, and every question has an id of its own
    "langgraph-prebuilt": "1.1.1",  # a ToolNode that handles errors lets pauses pass (langgraph#8217)
}
"""The oldest versions that keep every promise; older ones are refused by name (decision 0008)."""


def require_versions() -> None:
    """Raises AdapterTooOld, naming what was found and what is needed."""
    require_at_least(OLDEST, extra="langgraph")


require_versions()  # before the imports that older versions cannot answer

from langgraph.errors import (  # noqa: E402
    GraphDrained,
    GraphRecursionError,
    UnknownInterruptError,
    is_invalid_resume,
)


def in_words(error: BaseException) -> str:
    """What to tell people about an error that came out of a graph."""
    match error:
        case GraphRecursionError():
            return f"the graph did not end within its recursion limit: {error}"
        case GraphDrained():
            return f"the graph was drained: {error}"
        case HitlError(code=code):
            return f"{code} {error}"
        case _:
            return f"{type(error).__name__}: {error}"


def not_told(decision: Decision, allowed: Iterable[object], *, why: str = "") -> ResponseRefused:
    """The code that waits has no way to be told this."""
    known = ", ".join(str(reply) for reply in allowed) or "nothing"
    reason = f" ({why})" if why else ""
    return ResponseRefused(
        [Fault("decision", f"{decision.type!r} cannot be told to this pause{reason}; it takes: {known}")]
    )


def ambiguous(place: str, why: str) -> PauseAmbiguous:
    """Nobody knows what an answer would mean at this place: says why, and shows the lines that settle it."""
    return PauseAmbiguous(f"the pause at {place!r} cannot be answered safely: {why}. {registration(place)}")


def registration(place: str) -> str:
    """The lines that register a codec for a place."""
    return (
        "Say what its answers mean, in hitl.toml:\n\n"
        f'[backend.options.codecs]\n"{place}" = "boolean"\n\n'
        'or { approve = "yes", reject = "no" } instead of "boolean"; or "text", "raw", or "module:name", a codec of '
        "your own"
    )


__all__ = ["OLDEST", "UnknownInterruptError", "ambiguous", "in_words", "is_invalid_resume", "not_told", "registration"]
