"""LangGraph's errors in our words."""

from __future__ import annotations

from langgraph.errors import (
    GraphDrained,
    GraphInterrupt,
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
        case _:
            return f"{type(error).__name__}: {error}"


__all__ = [
    "GraphDrained",
    "GraphInterrupt",
    "UnknownInterruptError",
    "in_words",
    "is_invalid_resume",
]
