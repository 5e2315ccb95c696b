"""From a node to the syntax trees of the functions behind it. Source that cannot be found gives nothing."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def functions_of(runnable: Any) -> tuple[FunctionType, ...]:
    """The Python functions that a node, tool or branch runs (`RunnableCallable.func/afunc`, ToolNode tools …)."""
    found: dict[int, FunctionType] = {}
    for candidate in _callables(runnable):
        function = plain(candidate)
        if function is not None:
            found[id(function.__code__)] = function
    return tuple(found.values())


def plain(candidate: Any) -> FunctionType | None:
    """The function inside partials, methods, callable objects, `@task`s and `functools.wraps` wrappers."""
    for _ in range(16):
        if isinstance(candidate, functools.partial):
            candidate = candidate.func
        elif inspect.ismethod(candidate):
            candidate = candidate.__func__
        elif hasattr(candidate, "__wrapped__"):
            candidate = candidate.__wrapped__
        elif isinstance(candidate, FunctionType):
            return candidate
        elif callable(candidate) and not isinstance(candidate, type):
            candidate = type(candidate).__call__
        else:
            return None
    return None


def wrappers_of(runnable: Any) -> Iterator[FunctionType]:
    """The decorators around a node's functions, outermost first: they too can swallow a pause."""
    for candidate in _callables(runnable):
        while hasattr(candidate, "__wrapped__"):
            if isinstance(candidate, FunctionType):
                yield candidate
            candidate = candidate.__wrapped__


def tree_of(function: FunctionType) -> Function | None:
    """The syntax tree of exactly this function; None if the source is missing or two could be meant."""
    code = function.__code__
    try:
        lines, _ = inspect.findsource(code)
        module = _parsed("".join(lines))
    except (OSError, SyntaxError, ValueError, TypeError):
        return None
    matching = [node for node in ast.walk(module) if isinstance(node, Function) and _is(node, code)]
    if len(matching) > 1:
        matching = [node for node in matching if _columns(code) & {(n.lineno, n.col_offset) for n in _inside(node)}]
    return matching[0] if len(matching) == 1 else None


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _is(node: Function, code: CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    if node.name != code.co_name:
        return False
    return min([node.lineno, *(d.lineno for d in node.decorator_list)]) == code.co_firstlineno


def _inside(node: Function) -> Iterator[ast.expr]:
    body = node.body if isinstance(node.body, list) else [node.body]
    return (inner for part in body for inner in ast.walk(part) if isinstance(inner, ast.expr))


def _columns(code: CodeType) -> set[tuple[int | None, int | None]]:
    return {(line, column) for line, _, column, _ in code.co_positions() if column}


def _callables(runnable: Any) -> Iterator[Callable[..., Any]]:
    tools = getattr(runnable, "tools_by_name", None)
    if isinstance(tools, dict):  # a ToolNode runs its tools and whatever wraps them
        for tool in tools.values():
            yield from _callables(tool)
        return
    steps = getattr(runnable, "steps", None)
    for step in steps if isinstance(steps, list) else ():
        yield from _callables(step)
    found = [getattr(runnable, name, None) for name in ("func", "afunc", "coroutine")]
    # LangGraph makes an `afunc` out of every sync function: partial(run_in_executor, None, func)
    yield from (f for f in found if callable(f) and getattr(f, "args", ())[:1] != (None,))
    if isinstance(runnable, FunctionType | functools.partial) or inspect.ismethod(runnable):
        yield runnable
