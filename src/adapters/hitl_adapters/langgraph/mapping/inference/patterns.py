"""`match answer:` — the same tests as `if`, written as patterns."""

from __future__ import annotations

import ast

from .events import Value, What
from .scan import Env, Scan, parts


def match(pattern: ast.pattern, value: Value, env: Env, scan: Scan) -> None:
    """Note what a pattern asks of `value`, and bind the names it captures."""
    if isinstance(pattern, ast.MatchValue):
        _constant(pattern.value, value, scan)
    elif isinstance(pattern, ast.MatchSingleton):
        what = What.TYPE if pattern.value is None else What.EQUAL
        scan.note(value, what, constants=(pattern.value,))
    elif isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None:
            match(pattern.pattern, value, env, scan)
        _capture(pattern.name, value, env)
    elif isinstance(pattern, ast.MatchOr):
        _any_of(pattern, value, env, scan)
    elif isinstance(pattern, ast.MatchMapping):
        _mapping(pattern, value, env, scan)
    else:
        scan.opaque(value, "matched by position or with a class")
        _forget(pattern, env)


def _constant(node: ast.expr, value: Value, scan: Scan) -> None:
    constants = scan.constants(node)
    if constants is None:
        scan.opaque(value, "matched with something that is not a constant")
    else:
        scan.note(value, What.EQUAL, constants=constants)


def _capture(name: str | None, value: Value, env: Env) -> None:
    if name is not None:
        env[name] = value


def _any_of(pattern: ast.MatchOr, value: Value, env: Env, scan: Scan) -> None:
    options = [scan.constants(p.value) if isinstance(p, ast.MatchValue) else None for p in pattern.patterns]
    if all(options):
        scan.note(value, What.EQUAL, constants=tuple(c for o in options for c in o or ()))
        return
    for part in pattern.patterns:
        match(part, value, env, scan)


def _mapping(pattern: ast.MatchMapping, value: Value, env: Env, scan: Scan) -> None:
    for key, inner in zip(pattern.keys, pattern.patterns, strict=True):
        constants = scan.constants(key)
        if constants is None or not isinstance(constants[0], str):
            scan.opaque(value, "matched with a key that is not a constant")
            continue
        found = parts(value, constants[0], scan)
        scan.note(found, What.REQUIRED)
        match(inner, found, env, scan)
    if pattern.rest:
        scan.opaque(value, "unpacked into a dict")


def _forget(pattern: ast.pattern, env: Env) -> None:
    for node in ast.walk(pattern):
        name = getattr(node, "name", None)
        if isinstance(name, str):
            env.pop(name, None)
