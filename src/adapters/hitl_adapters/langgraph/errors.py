"""LangGraph's errors in our words, and what its installed version can do."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from langgraph.errors import GraphDrained, GraphInterrupt, GraphRecursionError

from hitl_core.errors import AdapterTooOld

LOWEST: Final = (1, 2, 0)
"""The oldest langgraph that can undo by fork and drain (research/langgraph.md §1.1)."""

try:  # since 1.2.17
    from langgraph.errors import is_invalid_resume
except ImportError:  # pragma: no cover - covered by the lowest lane

    def is_invalid_resume(error: BaseException) -> bool:
        """Versions without the mark cannot tell an invalid answer from an error of the node."""
        return False


try:  # since 1.2.20
    from langgraph.errors import UnknownInterruptError

    HAS_STRICT_RESUME: Final = True
except ImportError:  # pragma: no cover - covered by the lowest lane

    class UnknownInterruptError(Exception):  # type: ignore[no-redef]
        """Never raised by versions that have no strict resume."""

    HAS_STRICT_RESUME = False  # type: ignore[misc]


def _merges_config() -> bool:
    """Whether what a graph was bound to (`with_config`) stays when a call brings callbacks or metadata of its own."""
    try:
        from langgraph._internal._config import ensure_config
    except ImportError:  # pragma: no cover - it has moved: newer than we know
        return True
    return len(ensure_config({"metadata": {"bound": 1}}, {"metadata": {"called": 1}})["metadata"]) > 1


MERGES_CONFIG: Final = _merges_config()


def installed() -> tuple[int, ...]:
    """The installed langgraph version as numbers."""
    return tuple(int(part) for part in version("langgraph").split(".")[:3] if part.isdigit())


def require_version() -> None:
    """Raises AdapterTooOld, naming what was found and what is needed."""
    if installed() < LOWEST:
        needed = ".".join(map(str, LOWEST))
        raise AdapterTooOld(f"langgraph {version('langgraph')} is installed; this adapter needs {needed} or newer")


def require_guarded_wrapper() -> None:
    """Before langgraph-prebuilt 1.1.2 a ToolNode that handles errors makes our pause into one (langgraph#8217).

    Raises AdapterTooOld.
    """
    found = tuple(int(part) for part in version("langgraph-prebuilt").split(".")[:3] if part.isdigit())
    if found < (1, 1, 2):
        raise AdapterTooOld(
            f"langgraph-prebuilt {version('langgraph-prebuilt')} hides pauses when handle_tool_errors is set; "
            "upgrade to 1.1.2 or leave the option out"
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
    "HAS_STRICT_RESUME",
    "LOWEST",
    "MERGES_CONFIG",
    "GraphDrained",
    "GraphInterrupt",
    "UnknownInterruptError",
    "in_words",
    "installed",
    "is_invalid_resume",
    "require_guarded_wrapper",
    "require_version",
]
