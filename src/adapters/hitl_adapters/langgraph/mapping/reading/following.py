"""Following an answer into the functions it is handed to, and a pause out of the functions that ask.

Only plain Python functions with source are followed, a few levels deep; anything else is noted as passed on.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from types import FunctionType
from typing import Any, Final

import langgraph.types

from .events import NOTHING, Ref, Value
from .scan import MISSING, Env, Scan
from .source import tree_of

_DEPTH: Final = 4


def followable(node: ast.Call, arguments: Value, scan: Scan) -> FunctionType | None:
    """The function that a call certainly runs, if what it does with answers matters and can be read."""
    found = scan.look_up(node.func)
    if not isinstance(found, FunctionType) or hasattr(found, "__wrapped__") or scan.depth >= _DEPTH:
        return None
    if found in scan.callers or _is_library(found) or not (arguments or asks(found)):
        return None
    return found if tree_of(found) is not None else None


def follow(function: FunctionType, node: ast.Call, values: dict[ast.expr, Value], scan: Scan) -> Value | None:
    """Read `function` with these arguments; what it returns of an answer. None if the call cannot be matched."""
    from .statements import run_body

    env = _bound(function, node, values)
    tree = tree_of(function)
    if env is None or tree is None:
        return None
    inner = Scan(
        function,
        scan.tainted,
        events=scan.events,
        sites=scan.sites,
        guards=scan.guards,
        followed=True,
        depth=scan.depth + 1,
        callers=(*scan.callers, scan.function),
    )
    run_body(tree, env, inner)
    return frozenset(inner.returned)


def _is_library(function: FunctionType) -> bool:
    """Code that is not the app's own: what it does with an answer is its affair, and not for us to guess."""
    top = function.__module__.partition(".")[0]
    return top in sys.stdlib_module_names or "site-packages" in function.__code__.co_filename


@functools.lru_cache(maxsize=512)
def asks(function: FunctionType, depth: int = 3) -> bool:
    """Whether a function calls `interrupt()`, itself or through functions of its own module."""
    for name in function.__code__.co_names:
        found = function.__globals__.get(name, MISSING)
        if found is langgraph.types.interrupt or name == "interrupt":
            return True
        near = isinstance(found, FunctionType) and found.__module__ == function.__module__
        if depth and near and found is not function and asks(found, depth - 1):
            return True
    return False


def _bound(function: FunctionType, node: ast.Call, values: dict[ast.expr, Value]) -> Env | None:
    """The parameters by name, with the references that each is given."""
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        return None
    keywords: dict[str, Any] = {str(k.arg): values[k.value] for k in node.keywords}
    signature = inspect.signature(function)
    try:
        bound = signature.bind_partial(*(values[a] for a in node.args), **keywords)
    except TypeError:
        return None
    return {name: _given(signature.parameters[name], value) for name, value in bound.arguments.items()}


def _given(parameter: inspect.Parameter, value: Any) -> Value:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return _boxed(NOTHING.union(*value))
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return _boxed(NOTHING.union(*value.values()))
    given: Value = value
    return given


def _boxed(value: Value) -> Value:
    return frozenset(Ref(ref.site, ref.path, boxed=True) for ref in value)
