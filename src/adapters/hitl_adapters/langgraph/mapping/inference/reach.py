"""Which tools may pause: those that call `interrupt()` or run a graph, or name anything that does."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any, Final

from langgraph.pregel import Pregel

from .source import functions_of, plain, tree_of

_DEPTH: Final = 4
_SILENT: Final = sys.stdlib_module_names | {"langchain_core", "pydantic", "pydantic_core", "typing_extensions"}
"""Modules that never pause, so that nothing in them is followed."""


def may_pause(tool: Any) -> bool:
    """Whether a tool may pause. One whose source cannot be read may."""
    functions = functions_of(tool)
    return not functions or any(tree_of(each) is None for each in functions) or pauses_itself(tool)


def pauses_itself(tool: Any) -> bool:
    """Whether it can be seen that a tool pauses, or runs a graph that may."""
    return any(_reaches(each, _DEPTH, set()) for each in functions_of(tool))


def _reaches(function: FunctionType, depth: int, seen: set[int]) -> bool:
    if id(function.__code__) in seen:
        return False
    seen.add(id(function.__code__))
    if "interrupt" in function.__code__.co_names:
        return True
    return any(_asks(found, depth, seen) for found in named_in(function))


def _asks(found: Any, depth: int, seen: set[int]) -> bool:
    if isinstance(found, Pregel):
        return True
    inner = plain(found) if callable(found) and not isinstance(found, type) else None
    if inner is None or (inner.__module__ or "").partition(".")[0] in _SILENT:
        return False
    return inner.__module__ == "langgraph.types" or (depth > 0 and _reaches(inner, depth - 1, seen))


def named_in(function: FunctionType) -> Iterator[Any]:
    """What the names in a function stand for: globals, cells, and the attributes of either, which are not run."""
    names = function.__code__.co_names
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # an empty cell
            continue
    attributes = (inspect.getattr_static(each, name, None) for each in found for name in names)
    return iter([*found, *attributes])
