"""The `gated` functions that a graph's nodes call, as far as their names show: known before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any, Final

from hitl_core.tools import Tool

from ..mapping.inference.reach import named_in
from ..mapping.inference.source import functions_of

_DEPTH: Final = 4


def declared_in(nodes: Iterable[Any]) -> Iterator[Tool]:
    """What can be undone in a process that has not run it. Followed are functions of the modules of the nodes."""
    seen: set[int] = set()
    for node in nodes:
        for function in functions_of(node):
            yield from _declared(function, _DEPTH, seen)


def _declared(function: FunctionType, depth: int, seen: set[int]) -> Iterator[Tool]:
    if id(function) in seen:
        return
    seen.add(id(function))
    for found in named_in(function):
        declared = inspect.getattr_static(found, "hitl_tool", None)
        if isinstance(declared, Tool):
            yield declared
        elif depth and isinstance(found, FunctionType) and found.__module__ == function.__module__:
            yield from _declared(found, depth - 1, seen)
