"""Could this `interrupt()` call have made that payload? Yes, unless the source certainly says otherwise."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping

from hitl_core.protocol import Json, parse

from .events import Site

Literals = Mapping[str, ast.expr | None]


def could_be(node: ast.expr | None, value: Json, literals: Literals) -> bool:
    """Whether the expression may have the value; `literals` are names assigned once."""
    if isinstance(node, ast.Name) and isinstance(
        literals.get(node.id), ast.Dict | ast.List | ast.Constant | ast.JoinedStr
    ):
        node = literals[node.id]
    if isinstance(node, ast.Constant):
        return type(node.value) is type(value) and node.value == value
    if isinstance(node, ast.JoinedStr):
        return isinstance(value, str) and re.fullmatch(_pattern(node), value, re.DOTALL) is not None
    if isinstance(node, ast.Dict):
        return isinstance(value, dict) and _could_be_dict(node, value, literals)
    if isinstance(node, ast.List | ast.Tuple):
        return isinstance(value, list) and _could_be_list(node, value, literals)
    return True


def _pattern(node: ast.JoinedStr) -> str:
    return "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".*" for p in node.values)


def _could_be_dict(node: ast.Dict, value: dict[str, Json], literals: Literals) -> bool:
    known = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
    if len(known) == len(node.keys) and set(known) != set(value):
        return False
    return all(isinstance(k, str) and k in value and could_be(v, value[k], literals) for k, v in known.items())


def _could_be_list(node: ast.List | ast.Tuple, value: list[Json], literals: Literals) -> bool:
    if any(isinstance(item, ast.Starred) for item in node.elts):
        return True
    return len(node.elts) == len(value) and all(
        could_be(item, part, literals) for item, part in zip(node.elts, value, strict=True)
    )


def texts_in(value: Json) -> Iterator[str]:
    """Every text that a payload shows."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def example_of(site: Site) -> Json:
    """A payload like those of the site, with `…` for what is only known when it runs."""
    return _example(site.payload, site)


def _example(node: ast.expr | None, site: Site) -> Json:
    if isinstance(node, ast.Name) and site.literals.get(node.id) is not None:
        node = site.literals[node.id]
    if isinstance(node, ast.Dict):
        items = zip(node.keys, node.values, strict=True)
        return {str(k.value): _example(v, site) for k, v in items if isinstance(k, ast.Constant)}
    if isinstance(node, ast.List | ast.Tuple):
        return [_example(item, site) for item in node.elts]
    found = node.value if isinstance(node, ast.Constant) else site.look_up(node) if node is not None else None
    try:
        return parse(json.dumps(found))
    except (TypeError, ValueError):
        return "…"


def state_keys_in(node: ast.expr | None, state_name: str, literals: Literals) -> Iterator[str]:
    """The state keys that an expression reads, to see where what is shown came from."""
    if isinstance(node, ast.Name) and literals.get(node.id) is not None:
        node = literals[node.id]
    for part in ast.walk(node) if node is not None else ():
        owner, key = _read_of(part)
        if isinstance(owner, ast.Name) and owner.id == state_name and isinstance(key, str):
            yield key


def _read_of(node: ast.AST) -> tuple[ast.expr | None, object]:
    """The owner and the key of `x["key"]`, `x.get("key")` and `x.key`."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.value, node.slice.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        first = node.args[0] if node.args else None
        return node.func.value, first.value if isinstance(first, ast.Constant) else None
    return (node.value, node.attr) if isinstance(node, ast.Attribute) else (None, None)
