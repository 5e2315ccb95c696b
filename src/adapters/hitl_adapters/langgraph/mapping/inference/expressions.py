"""Expressions: which of them come from an answer, and what they do with it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from ..vocabulary import stands_for
from .branches import holds_on_yes, named, weighed
from .calls import call
from .events import NOTHING, TESTS, TOGETHER, Event, Path, Ref, Value, What
from .scan import Env, Scan, parts

_GUARDS: Final = (What.TYPE, What.CONTAINS)
_SIGNED: Final = (What.TRUTH, What.EQUAL)


def evaluate(node: ast.expr | None, env: Env, scan: Scan) -> Value:
    """The references that the value of `node` may be. Events are recorded for everything done on the way."""
    if node is None:
        return NOTHING
    return _BY_TYPE.get(type(node), _other)(node, env, scan)


def judge(test: ast.expr, env: Env, scan: Scan, *, then: list[ast.stmt], other: list[ast.stmt]) -> None:
    """A condition: its value decides between the branches `then` and `other`."""
    negated, inner = False, test
    while isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
        negated, inner = not negated, inner.operand
    if isinstance(inner, ast.Name) and not env.get(inner.id):
        ways = (other, then) if negated else (then, other)
        for index in scan.outcomes.get(inner.id, ()):
            scan.events[index] = weighed(scan.events[index], *ways)
    mark = len(scan.events)
    scan.note(evaluate(inner, env, scan), What.TRUTH)
    for index in range(mark, len(scan.events)):
        event = scan.events[index]
        turned = replace(event, negated=event.negated is not negated) if event.what in _SIGNED else event
        scan.events[index] = weighed(turned, then, other)


def _name(node: ast.Name, env: Env, scan: Scan) -> Value:
    return env.get(node.id, NOTHING)


def _walrus(node: ast.NamedExpr, env: Env, scan: Scan) -> Value:
    value = evaluate(node.value, env, scan)
    bind(node.target, value, env, scan)
    return value


def _subscript(node: ast.Subscript, env: Env, scan: Scan) -> Value:
    value = evaluate(node.value, env, scan)
    mark = len(scan.events)
    index = evaluate(node.slice, env, scan)
    if is_test(node.slice):
        scan.opaque([event.ref for event in scan.events[mark:]], "tested, and the outcome is used as an index")
    scan.opaque(index, "used as a key")
    if not value:
        return NOTHING
    key = scan.constants(node.slice)
    if key is None or len(key) != 1 or isinstance(key[0], bool) or not isinstance(key[0], str | int):
        scan.opaque(value, "read with a key that is not a constant")
        return NOTHING
    found = parts(value, key[0], scan)
    scan.note(found, What.REQUIRED)
    return found


def _attribute(node: ast.Attribute, env: Env, scan: Scan) -> Value:
    found = parts(evaluate(node.value, env, scan), node.attr, scan)
    scan.note(found, What.ATTRIBUTE)
    return found


def _both(node: ast.BoolOp, env: Env, scan: Scan) -> Value:
    """`a and b`, `a or b`: the operands before the last are tested, unless they only guard what follows.

    `isinstance(x, dict) and x["ok"]` decides by `x["ok"]`; that x was a dict is no decision.
    """
    conjunction = isinstance(node.op, ast.And)
    marks, values = [], []
    for operand in node.values:
        marks.append(len(scan.events))
        values.append(evaluate(operand, env, scan))
    result: set[Ref] = set(values[-1])
    for i in reversed(range(len(values) - 1)):
        later = scan.events[marks[i + 1] :]
        reach = {(e.ref.site, e.ref.path) for e in later} | {(r.site, r.path) for v in values[i + 1 :] for r in v}
        scan.events[marks[i] : marks[i + 1]] = [
            event for event in scan.events[marks[i] : marks[i + 1]] if not _guards(event, reach, conjunction)
        ]
        free = {ref for ref in values[i] if not (conjunction and _reaches(ref, reach))}
        result |= free
        if conjunction:
            scan.note(free, What.TRUTH)
    if len({(ref.site, ref.path) for ref in result}) > 1:
        scan.note(result, What.TRUTH, TOGETHER)
    _join_words(marks[0], conjunction, scan)
    return frozenset(result)


def _join_words(mark: int, conjunction: bool, scan: Scan) -> None:
    """`x == "yes" or x == "y"` is one test with two words; so is `x != "yes" and x != "y"`."""
    joined: dict[tuple[str, Path], Event] = {}
    rest = []
    for event in scan.events[mark:]:
        if event.what is not What.EQUAL or event.negated is not conjunction:
            rest.append(event)
            continue
        place = (event.ref.site, event.ref.path)
        earlier = joined.get(place)
        words = (*earlier.constants, *event.constants) if earlier else event.constants
        joined[place] = replace(event, constants=words)
    scan.events[mark:] = [*rest, *joined.values()]


def _guards(event: Event, reach: set[tuple[str, Path]], conjunction: bool) -> bool:
    checks = event.what in _GUARDS or (event.what is What.TRUTH and not conjunction)
    return checks and event.negated is not conjunction and _reaches(event.ref, reach)


def _reaches(ref: Ref, reach: set[tuple[str, Path]]) -> bool:
    depth = len(ref.path)
    return any(site == ref.site and path[:depth] == ref.path for site, path in reach)


def _not(node: ast.UnaryOp, env: Env, scan: Scan) -> Value:
    mark = len(scan.events)
    value = evaluate(node.operand, env, scan)
    if not isinstance(node.op, ast.Not):
        scan.opaque(value, "used as a number")
        return NOTHING
    if isinstance(node.operand, ast.Compare) or _is_type_check(node.operand):
        scan.events[mark:] = [replace(event, negated=not event.negated) for event in scan.events[mark:]]
    scan.note(value, What.TRUTH, negated=True)
    return NOTHING


def _is_type_check(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"


def _compare(node: ast.Compare, env: Env, scan: Scan) -> Value:
    operands, mark = [node.left, *node.comparators], len(scan.events)
    values = [evaluate(operand, env, scan) for operand in operands]
    if any(is_test(operand) for operand in operands):
        scan.opaque([event.ref for event in scan.events[mark:]], "tested, and the outcome is compared")
    for i, op in enumerate(node.ops):
        _compare_pair(op, (operands[i], values[i]), (operands[i + 1], values[i + 1]), scan)
    return NOTHING


def is_test(node: ast.AST) -> bool:
    """Whether the value of an expression is the outcome of a test."""
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def keep_outcome(name: str, mark: int, scan: Scan) -> None:
    """The tests since `mark` have their outcome kept under a name, which may contradict them."""
    turned = [event.ref for event in scan.events[mark:] if holds_on_yes(event) is False]
    if stands_for(name):
        scan.opaque(turned, f"turned round and called {name!r}")
    scan.events[mark:] = [named(event, name) for event in scan.events[mark:]]


def _compare_pair(op: ast.cmpop, left: tuple[ast.expr, Value], right: tuple[ast.expr, Value], scan: Scan) -> None:
    (left_node, left_value), (right_node, right_value) = left, right
    if left_value and right_value:
        scan.opaque(left_value | right_value, "compared with another part of an answer")
        return
    value, node = (left_value, right_node) if left_value else (right_value, left_node)
    constants = scan.constants(node)
    negated = isinstance(op, ast.NotEq | ast.NotIn | ast.IsNot)
    if isinstance(op, ast.In | ast.NotIn) and right_value:
        scan.note(value, What.CONTAINS, constants=constants or (), negated=negated)
    elif constants is None or (isinstance(op, ast.In | ast.NotIn) and scan.is_text(node)):
        scan.opaque(value, "compared with something that is not a constant")
    elif isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq) and constants == (None,):
        scan.note(value, What.TYPE, negated=not negated)
    elif isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn | ast.Is | ast.IsNot):
        scan.note(value, What.EQUAL, constants=constants, negated=negated)
    else:
        scan.note(value, What.NUMBER, constants=constants)


def _choice(node: ast.IfExp, env: Env, scan: Scan) -> Value:
    judge(node.test, env, scan, then=[ast.Expr(node.body)], other=[ast.Expr(node.orelse)])
    return evaluate(node.body, env, scan) | evaluate(node.orelse, env, scan)


def _container(node: ast.expr, env: Env, scan: Scan) -> Value:
    found: set[Ref] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            value = evaluate(child, env, scan)
            if isinstance(child, ast.Starred):
                scan.opaque(value, "unpacked into a container")
            found |= {Ref(ref.site, ref.path, boxed=True) for ref in value}
    return frozenset(found)


def _dict(node: ast.Dict, env: Env, scan: Scan) -> Value:
    found: set[Ref] = set()
    for key, item in zip(node.keys, node.values, strict=True):
        mark = len(scan.events)
        value = evaluate(item, env, scan)
        if is_test(item) and isinstance(key, ast.Constant):
            keep_outcome(str(key.value), mark, scan)
        if key is None:
            scan.opaque((ref for ref in value if not ref.boxed), "unpacked into a dict")
        else:
            scan.opaque(evaluate(key, env, scan), "used as a key")
        if key is not None or all(ref.boxed for ref in value):
            found |= {Ref(ref.site, ref.path, boxed=True) for ref in value}
    return frozenset(found)


def _text(node: ast.expr, env: Env, scan: Scan) -> Value:
    for child in ast.walk(node):
        if isinstance(child, ast.FormattedValue):
            scan.note(evaluate(child.value, env, scan), What.DATA)
    return NOTHING


def _operation(node: ast.BinOp, env: Env, scan: Scan) -> Value:
    value = evaluate(node.left, env, scan) | evaluate(node.right, env, scan)
    if isinstance(node.op, ast.Mod):  # "…" % answer
        scan.note(value, What.DATA)
    elif isinstance(node.op, ast.Add):
        scan.note(value, What.TEXT)
        scan.note(value, What.DATA)
    else:
        scan.opaque(value, "used in arithmetic")
    return NOTHING


def _await(node: ast.Await, env: Env, scan: Scan) -> Value:
    return evaluate(node.value, env, scan)


def _starred(node: ast.Starred, env: Env, scan: Scan) -> Value:
    return evaluate(node.value, env, scan)


def _other(node: ast.AST, env: Env, scan: Scan) -> Value:
    """What is not followed: lambdas, comprehensions and the like. Whatever of an answer is in them is lost."""
    mark = len(scan.events)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            scan.opaque(evaluate(child, env, scan), f"used in {type(node).__name__}")
        else:
            _other(child, env, scan)
    scan.opaque([e.ref for e in scan.events[mark:] if e.what in TESTS], f"tested in {type(node).__name__}")
    return NOTHING


def bind(target: ast.expr, value: Value, env: Env, scan: Scan) -> None:
    """Assign `value` to `target`, a name or a place in a dict. Anything else loses sight of it."""
    if isinstance(target, ast.Name):
        env[target.id] = value
        if target.id in scan.outer:
            scan.opaque(value, "kept in a variable of another scope")
        for ref in value:
            if not ref.path and not ref.boxed and ref.site in scan.sites:
                scan.sites[ref.site].names.add(target.id)
        return
    if isinstance(target, ast.Tuple | ast.List):
        for item in target.elts:
            bind(item.value if isinstance(item, ast.Starred) else item, NOTHING, env, scan)
        scan.opaque(value, "unpacked by position")
        return
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        _put_into(target, target.value.id, value, env, scan)
        return
    scan.opaque(value, "kept in an attribute or an unknown place")


def _put_into(target: ast.Subscript, name: str, value: Value, env: Env, scan: Scan) -> None:
    scan.opaque(evaluate(target.slice, env, scan), "used as a key")
    key = scan.constants(target.slice)
    if key and isinstance(key[0], str):  # `state["ok"] = answer`, or a dict that is returned later
        scan.note(value, What.STORED, key[0])
    if name == scan.state_name and key:
        return
    if not scan.makes(name):
        scan.opaque(value, f"kept in {name}")
    env[name] = env.get(name, NOTHING) | {Ref(ref.site, ref.path, boxed=True) for ref in value}


_BY_TYPE: Final[dict[type[ast.AST], Callable[[Any, Env, Scan], Value]]] = {
    ast.Name: _name,
    ast.NamedExpr: _walrus,
    ast.Subscript: _subscript,
    ast.Attribute: _attribute,
    ast.Call: call,
    ast.BoolOp: _both,
    ast.UnaryOp: _not,
    ast.Compare: _compare,
    ast.IfExp: _choice,
    ast.List: _container,
    ast.Tuple: _container,
    ast.Set: _container,
    ast.Dict: _dict,
    ast.JoinedStr: _text,
    ast.BinOp: _operation,
    ast.Await: _await,
    ast.Starred: _starred,
    ast.Constant: lambda node, env, scan: NOTHING,
}
