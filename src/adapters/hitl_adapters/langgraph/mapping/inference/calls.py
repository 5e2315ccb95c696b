"""Calls: `interrupt()` itself, methods of an answer, and what answers are handed to."""

from __future__ import annotations

import ast
from typing import Final

from ..vocabulary import listed
from .events import NOTHING, STATE, Ref, Value, What
from .scan import Env, Scan, follow, followable, parts

_FOLDS: Final = frozenset({"lower", "upper", "casefold", "strip", "lstrip", "rstrip", "title", "capitalize"})
_TEXT_METHODS: Final = frozenset({"split", "replace", "splitlines", "format", "encode"})
_KEEPERS: Final = listed(  # callables that only keep or show what they are given
    "str repr print len HumanMessage AIMessage SystemMessage ToolMessage ChatMessage RemoveMessage dumps pformat "
    "debug info warning error exception log write format join final writer"
)
_BOXES: Final = frozenset({"dict", "list", "tuple", "set"})
_GROWERS: Final = frozenset({"append", "add", "extend", "insert"})


def call(node: ast.Call, env: Env, scan: Scan) -> Value:
    """The value of a call, with everything it does to the answers it is given."""
    from .expressions import evaluate

    if scan.is_interrupt(node):
        return _interrupt(node, env, scan)
    if isinstance(node.func, ast.Attribute):
        owner = evaluate(node.func.value, env, scan)
        boxed = all(ref.boxed for ref in owner)
        if boxed and node.func.attr in _GROWERS and isinstance(node.func.value, ast.Name):
            return _grow(node, node.func.value.id, env, scan)
        if owner:
            return _method(node, node.func.attr, owner, env, scan)
    return _function(node, env, scan)


def _interrupt(node: ast.Call, env: Env, scan: Scan) -> Value:
    from .expressions import evaluate

    for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
        scan.note(evaluate(argument, env, scan), What.DATA)  # an earlier answer shown in the next question
    return frozenset({Ref(scan.site_of(node).name)})


def _method(node: ast.Call, name: str, owner: Value, env: Env, scan: Scan) -> Value:
    from .expressions import evaluate

    arguments = [evaluate(a, env, scan) for a in (*node.args, *(k.value for k in node.keywords))]
    if name == "get" and node.args:
        return _get(node, owner, arguments, scan)
    if name in _FOLDS:
        scan.note(owner, What.TEXT)
        return owner
    if name in ("startswith", "endswith"):
        scan.note(owner, What.CONTAINS, constants=scan.constants(node.args[0]) or ())
    elif name in _TEXT_METHODS:
        scan.note(owner, What.TEXT)
        scan.note(owner, What.DATA)
    else:
        scan.opaque(owner, f"its method {name}() is called")
    return NOTHING


def _get(node: ast.Call, owner: Value, arguments: list[Value], scan: Scan) -> Value:
    key = scan.constants(node.args[0])
    if key is None or not isinstance(key[0], str):
        scan.opaque(owner, "read with a key that is not a constant")
        return NOTHING
    found = parts(owner, key[0], scan)
    return found.union(*arguments[1:])


def _grow(node: ast.Call, name: str, env: Env, scan: Scan) -> Value:
    from .expressions import evaluate

    for argument in node.args:
        value = evaluate(argument, env, scan)
        if not scan.makes(name):
            scan.opaque(value, f"kept in {name}")
        env[name] = env.get(name, NOTHING) | {Ref(ref.site, ref.path, boxed=True) for ref in value}
    return NOTHING


def _function(node: ast.Call, env: Env, scan: Scan) -> Value:
    from .expressions import evaluate, is_test, keep_outcome

    name = _called(node.func)
    if not isinstance(node.func, ast.Name | ast.Attribute):
        scan.opaque(evaluate(node.func, env, scan), "called")
    for keyword in node.keywords:
        if keyword.arg and is_test(keyword.value):
            mark = len(scan.events)
            evaluate(keyword.value, env, scan)
            keep_outcome(keyword.arg, mark, scan)
    given = (*node.args, *(keyword.value for keyword in node.keywords))
    values = {argument: evaluate(argument, env, scan) for argument in given}
    everything = NOTHING.union(*values.values())
    if name == "isinstance":
        scan.note(everything, What.TYPE, detail=ast.unparse(node.args[-1]))
    elif name == "bool":
        scan.note(everything, What.TRUTH)
        return everything
    elif name in ("int", "float"):
        scan.note(everything, What.INTEGER)
    elif name == "str":
        scan.note(everything, What.DATA)
        return everything
    elif name == "Command":
        return _command(node, env, scan)
    elif name in _BOXES:
        return frozenset(Ref(ref.site, ref.path, boxed=True) for ref in everything)
    elif name in _KEEPERS:
        scan.note((ref for ref in everything if ref.site != STATE), What.DATA)
    else:
        return _handed_over(node, name, values, scan)
    return NOTHING


def _handed_over(node: ast.Call, name: str, values: dict[ast.expr, Value], scan: Scan) -> Value:
    everything = NOTHING.union(*values.values())
    function = followable(node, everything, scan)
    returned = follow(function, node, values, scan) if function is not None else None
    if returned is not None:
        return returned
    scan.note(everything, What.PASSED, f"passed to {name}()")
    return NOTHING


def _command(node: ast.Call, env: Env, scan: Scan) -> Value:
    """`Command(update={…}, goto=…)`: the update goes into the state, a destination taken from an answer is unknown."""
    from .expressions import evaluate

    result: Value = NOTHING
    for keyword in node.keywords:
        if keyword.arg == "update":
            store(keyword.value, env, scan)
            result = result | evaluate(keyword.value, env, scan)
        else:
            scan.opaque(evaluate(keyword.value, env, scan), f"used as {keyword.arg} of a Command")
    return result


def store(node: ast.expr, env: Env, scan: Scan) -> None:
    """Note which state keys are written by a dict that a node returns."""
    from .expressions import evaluate

    if not isinstance(node, ast.Dict):
        return
    mark = len(scan.events)
    writes = [(key, evaluate(value, env, scan)) for key, value in zip(node.keys, node.values, strict=True)]
    del scan.events[mark:]  # the same expressions are evaluated, and noted, once more by the caller
    for key, value in writes:
        constants = scan.constants(key) if key is not None else None
        if constants and isinstance(constants[0], str):
            scan.note(value, What.STORED, constants[0])


def _called(func: ast.expr) -> str:
    if isinstance(func, ast.Name):
        return func.id
    return func.attr if isinstance(func, ast.Attribute) else "something"
