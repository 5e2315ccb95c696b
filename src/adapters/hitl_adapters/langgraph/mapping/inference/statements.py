"""Statements in the order they run: assignments, branches, loops, and where a value leaves the function."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

from langgraph.errors import GraphBubbleUp

from . import patterns
from .branches import weighed
from .calls import store
from .events import NOTHING, STATE, Value, What
from .expressions import bind, evaluate, judge, keep_outcome
from .scan import MISSING, Env, Scan
from .source import Function, tree_of

_PASSES: Final = 2
"""How often the body of a loop is read: the second time, names may hold what the first time gave them."""


def run_body(tree: Function, env: Env, scan: Scan) -> None:
    """Read a whole function."""
    if isinstance(tree, ast.Lambda):
        _leave(tree.body, env, scan)
        return
    _collect_literals(tree, scan)
    run(tree.body, env, scan)


def run(body: list[ast.stmt], env: Env, scan: Scan) -> None:
    for index, statement in enumerate(body):
        if isinstance(statement, ast.If):
            _if(statement, body[index + 1 :], env, scan)
        else:
            _BY_TYPE.get(type(statement), _ignore)(statement, env, scan)


def _collect_literals(tree: ast.FunctionDef | ast.AsyncFunctionDef, scan: Scan) -> None:
    """Names that are assigned exactly once: payloads and lists of words are often named first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            scan.literals[name] = None if name in scan.literals else node.value
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name):
            name = node.target.id
            scan.literals[name] = None if name in scan.literals else node.value
        elif isinstance(node, ast.For | ast.AugAssign) and isinstance(node.target, ast.Name):
            scan.literals[node.target.id] = None


def _if(node: ast.If, rest: list[ast.stmt], env: Env, scan: Scan) -> None:
    other = node.orelse or (rest if _leaves(node.body) else [])
    judge(node.test, env, scan, then=node.body, other=other)
    _branches([node.body, node.orelse], env, scan)


def _leaves(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def _branches(bodies: list[list[ast.stmt]], env: Env, scan: Scan) -> None:
    """Read each branch with its own names; afterwards a name may hold what any of them gave it."""
    results = []
    for body in bodies:
        inner = dict(env)
        run(body, inner, scan)
        results.append(inner)
    _merge(env, results)


def _merge(env: Env, results: list[Env]) -> None:
    for name in {name for result in results for name in result}:
        env[name] = NOTHING.union(*(result.get(name, NOTHING) for result in results))


def _assign(node: ast.Assign, env: Env, scan: Scan) -> None:
    pairs = _side_by_side(node)
    if pairs is not None:
        values = [evaluate(value, env, scan) for _, value in pairs]
        for (target, _), value in zip(pairs, values, strict=True):
            bind(target, value, env, scan)
        return
    mark = len(scan.events)
    value = evaluate(node.value, env, scan)
    for target in node.targets:
        bind(target, value, env, scan)
        if isinstance(target, ast.Name) and not value:
            keep_outcome(target.id, mark, scan)
            scan.outcomes[target.id] = range(mark, len(scan.events))


def _side_by_side(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]] | None:
    target = node.targets[0]
    if len(node.targets) > 1 or not isinstance(target, ast.Tuple) or not isinstance(node.value, ast.Tuple):
        return None
    if len(target.elts) != len(node.value.elts):
        return None
    return list(zip(target.elts, node.value.elts, strict=True))


def _annotated(node: ast.AnnAssign, env: Env, scan: Scan) -> None:
    if node.value is not None:
        bind(node.target, evaluate(node.value, env, scan), env, scan)


def _augmented(node: ast.AugAssign, env: Env, scan: Scan) -> None:
    value = evaluate(node.value, env, scan)
    scan.note((ref for ref in value if not ref.boxed), What.TEXT)
    scan.opaque((ref for ref in value if ref.boxed), "added to a container")


def _return(node: ast.Return, env: Env, scan: Scan) -> None:
    if node.value is not None:
        _leave(node.value, env, scan)


def _leave(value_node: ast.expr, env: Env, scan: Scan) -> None:
    store(value_node, env, scan)
    value = evaluate(value_node, env, scan)
    if isinstance(value_node, ast.Name):
        _store_name(value_node.id, value, scan)
    if scan.followed:
        scan.opaque((ref for ref in value if ref.boxed), "returned inside a container")
    else:
        scan.note(value, What.DATA)
    scan.returned |= {ref for ref in value if ref.site != STATE}


def _store_name(name: str, value: Value, scan: Scan) -> None:
    """`update = {"ok": answer}; return update`: which key holds it is no longer known, unless it was a literal."""
    literal = scan.literals.get(name)
    if isinstance(literal, ast.Dict):
        for key in literal.keys:
            constants = scan.constants(key) if key is not None else None
            if constants and isinstance(constants[0], str):
                scan.note((ref for ref in value if ref.boxed), What.STORED, constants[0])
    elif any(ref.boxed for ref in value):
        scan.note((ref for ref in value if ref.boxed), What.STORED, "*")


def _expression(node: ast.Expr, env: Env, scan: Scan) -> None:
    evaluate(node.value, env, scan)


def _while(node: ast.While, env: Env, scan: Scan) -> None:
    before = dict(env)
    for _ in range(_PASSES):
        judge(node.test, env, scan, then=[], other=[])
        run(node.body, env, scan)
    run(node.orelse, env, scan)
    _merge(env, [before, dict(env)])


def _for(node: ast.For | ast.AsyncFor, env: Env, scan: Scan) -> None:
    scan.opaque(evaluate(node.iter, env, scan), "looped over")
    before = dict(env)
    for name in ast.walk(node.target):
        if isinstance(name, ast.Name):
            env.pop(name.id, None)
    for _ in range(_PASSES):
        run(node.body, env, scan)
    run(node.orelse, env, scan)
    _merge(env, [before, dict(env)])


def _with(node: ast.With | ast.AsyncWith, env: Env, scan: Scan) -> None:
    for item in node.items:
        value = evaluate(item.context_expr, env, scan)
        scan.opaque(value, "used as a context manager")
        if _suppresses(item.context_expr):
            scan.guards.append(ast.unparse(item.context_expr))
    run(node.body, env, scan)
    del scan.guards[len(scan.guards) - sum(_suppresses(item.context_expr) for item in node.items) :]


def _suppresses(node: ast.expr) -> bool:
    """`with suppress(Exception):` swallows a pause as `except Exception` does."""
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("suppress"):
        return False
    return any(ast.unparse(a) in ("Exception", "BaseException", "GraphInterrupt") for a in node.args)


def _try(node: Any, env: Env, scan: Scan) -> None:
    eats = _swallows(node, scan)
    if eats:
        scan.guards.append(eats)
    before = dict(env)
    run(node.body, env, scan)
    if eats:
        scan.guards.pop()
    after = dict(env)
    _merge(env, [before, after])
    _branches([node.orelse, *(handler.body for handler in node.handlers)], env, scan)
    run(node.finalbody, env, scan)


def _swallows(node: Any, scan: Scan) -> str:
    """The handler that catches LangGraph's pause, which is an exception (research/langgraph.md §1.4)."""
    for handler in node.handlers:
        if not _catches_pause(handler.type, scan):
            continue
        reraises = bool(handler.body) and any(isinstance(part, ast.Raise) for part in handler.body)
        return "" if reraises else f"except {ast.unparse(handler.type)}" if handler.type else "a bare except"
    return ""


def swallowing(function: FunctionType) -> str:
    """A handler anywhere in this function that catches the pause of what it calls."""
    tree, scan = tree_of(function), Scan(function)
    tries = (node for node in ast.walk(tree) if isinstance(node, ast.Try | ast.TryStar)) if tree else ()
    return next((eaten for node in tries if (eaten := _swallows(node, scan))), "")


def _catches_pause(caught: ast.expr | None, scan: Scan) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    classes = [scan.look_up(name) for name in names]
    return (
        any(isinstance(c, type) and issubclass(GraphBubbleUp, c) for c in classes)
        or any(
            c is MISSING and ast.unparse(n).endswith(("GraphInterrupt", "GraphBubbleUp"))
            for c, n in zip(classes, names, strict=True)
        )
        or any(isinstance(c, type) and issubclass(c, GraphBubbleUp) for c in classes)
    )


def _match(node: ast.Match, env: Env, scan: Scan) -> None:
    value = evaluate(node.subject, env, scan)
    bodies, results = [case.body for case in node.cases], []
    for case, body in zip(node.cases, bodies, strict=True):
        inner, mark = dict(env), len(scan.events)
        patterns.match(case.pattern, value, inner, scan)
        other = [statement for each in bodies if each is not body for statement in each]
        scan.events[mark:] = [weighed(event, body, other) for event in scan.events[mark:]]
        if case.guard is not None:
            judge(case.guard, inner, scan, then=body, other=[])
        run(body, inner, scan)
        results.append(inner)
    _merge(env, [*results, dict(env)])


def _nested(node: ast.FunctionDef | ast.AsyncFunctionDef, env: Env, scan: Scan) -> None:
    """A function inside the function sees its names; what it does to an answer counts as well."""
    mark = len(scan.returned)
    own = {arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    inner = {name: value for name, value in env.items() if name not in own}
    before, returned = set(scan.returned), mark
    run(node.body, inner, scan)
    if len(scan.returned) > returned:
        scan.opaque(scan.returned - before, f"returned by the inner function {node.name}()")


def _import(node: ast.ImportFrom, env: Env, scan: Scan) -> None:
    for alias in node.names:
        if node.module == "langgraph.types" and alias.name == "interrupt":
            scan.aliases.add(alias.asname or alias.name)


def _assert(node: ast.Assert, env: Env, scan: Scan) -> None:
    judge(node.test, env, scan, then=[], other=[])


def _raise(node: ast.Raise, env: Env, scan: Scan) -> None:
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.Call):
            for argument in part.args:
                scan.note(evaluate(argument, env, scan), What.DATA)


def _scope(node: ast.Global | ast.Nonlocal, env: Env, scan: Scan) -> None:
    scan.outer |= set(node.names)
    for name in node.names:
        scan.opaque(env.get(name, NOTHING), "kept in a variable of another scope")


def _ignore(node: ast.stmt, env: Env, scan: Scan) -> None:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(node, ast.Delete):
            scan.opaque(env.get(part.id, NOTHING), f"used in {type(node).__name__}")


_BY_TYPE: Final[dict[type[ast.stmt], Callable[[Any, Env, Scan], None]]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.Expr: _expression,
    ast.While: _while,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Match: _match,
    ast.FunctionDef: _nested,
    ast.AsyncFunctionDef: _nested,
    ast.ImportFrom: _import,
    ast.Assert: _assert,
    ast.Raise: _raise,
    ast.Global: _scope,
    ast.Nonlocal: _scope,
}
