"""One reading of one function: what its names mean, the events seen so far, and the functions it hands answers to.

Only plain Python functions with source are followed, a few levels deep; anything else is noted as passed on.
"""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any, Final

import langgraph.types

from .events import NOTHING, STATE, Const, Event, Ref, Site, Value, What
from .source import Function, tree_of

MISSING: Final = object()
Env = dict[str, Value]


@dataclass(slots=True)
class Scan:
    """What is known while one function is read. `tainted` are the state keys that hold an answer."""

    function: FunctionType
    tainted: Mapping[str, Value] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    sites: dict[str, Site] = field(default_factory=dict)
    aliases: set[str] = field(default_factory=set)
    guards: list[str] = field(default_factory=list)
    literals: dict[str, ast.expr | None] = field(default_factory=dict)
    returned: set[Ref] = field(default_factory=set)
    depth: int = 0
    callers: tuple[FunctionType, ...] = ()
    followed: bool = False
    """whether the caller is read too, so that returning an answer is not the end of it"""
    outcomes: dict[str, range] = field(default_factory=dict)
    """where in `events` the tests are whose outcome a name holds"""
    outer: set[str] = field(default_factory=set)
    """names declared `global` or `nonlocal`"""
    state_name: str = ""

    def note(self, value: Iterable[Ref], what: What, detail: str = "", **more: Any) -> None:
        """Record that `what` was done with every reference in `value`."""
        for ref in value:
            if ref.site == STATE:
                self._note_state(what)
            elif ref.boxed and what not in (What.DATA, What.STORED, What.PASSED, What.OPAQUE):
                self.events.append(Event(ref, What.OPAQUE, detail="taken out of a container again"))
            else:
                self.events.append(Event(ref, what, detail=detail, **more))

    def opaque(self, value: Iterable[Ref], how: str) -> None:
        self.note(value, What.OPAQUE, how)

    def _note_state(self, what: What) -> None:
        if what is What.DATA:  # `return state`
            return
        for value in self.tainted.values():
            self.opaque(value, f"the whole state is passed on in {self.function.__name__}()")

    def resolve(self, name: str) -> Any:
        """The object that a name has outside the function; MISSING for its own variables."""
        code = self.function.__code__
        if name in code.co_varnames or name in code.co_cellvars:
            return MISSING
        if name in code.co_freevars:
            return _free(self.function, name)
        return self.function.__globals__.get(name, getattr(builtins, name, MISSING))

    def look_up(self, node: ast.expr) -> Any:
        """The object behind `name` or `module.name`, as far as it can be known without running anything."""
        if isinstance(node, ast.Name):
            return self.resolve(node.id)
        if not isinstance(node, ast.Attribute):
            return MISSING
        owner = self.look_up(node.value)
        if isinstance(owner, ModuleType | enum.EnumMeta):
            return getattr(owner, node.attr, MISSING)
        if isinstance(owner, enum.Enum) and node.attr == "value":
            return owner.value
        return MISSING

    def is_interrupt(self, call: ast.Call) -> bool:
        if isinstance(call.func, ast.Name) and call.func.id in self.aliases:
            return True
        found = self.look_up(call.func)
        if found is MISSING and isinstance(call.func, ast.Name):
            return call.func.id == "interrupt"
        return found is langgraph.types.interrupt

    def site_of(self, call: ast.Call) -> Site:
        """The site of this `interrupt()` call; met again in a loop, it is the same one."""
        name = f"{self.function.__code__.co_filename}:{call.lineno}:{call.col_offset}"
        if name not in self.sites:
            payload = call.args[0] if call.args else None
            has_schema = any(keyword.arg == "response_schema" for keyword in call.keywords)
            eaten_by = self.guards[-1] if self.guards else ""
            self.sites[name] = Site(
                name,
                payload,
                call.lineno,
                has_schema,
                self.literals,
                self.state_name,
                self.look_up,
                swallowed=eaten_by,
            )
        return self.sites[name]

    def constants(self, node: ast.expr) -> tuple[Const, ...] | None:
        """The constants that an expression certainly stands for: a literal, a collection of them, a known name."""
        if isinstance(node, ast.Constant):
            return (node.value,) if isinstance(node.value, Const) else None
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            parts = [self.constants(item) for item in node.elts]
            return None if any(p is None for p in parts) else tuple(c for p in parts for c in p or ())
        if isinstance(node, ast.Name) and (literal := self.literals.get(node.id)) is not None:
            return self.constants(literal)
        return _constant_value(self.look_up(node))

    def makes(self, name: str) -> bool:
        """Whether a name is a container that this function itself makes, so that nobody else can look into it."""
        made = self.literals.get(name)
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Name):
            return made.func.id in ("dict", "list", "set")
        return isinstance(made, ast.Dict | ast.List | ast.Set) and name not in self.outer

    def is_text(self, node: ast.expr) -> bool:
        """Whether an expression is one text rather than a collection, so that `x in node` looks for a part of it."""
        if isinstance(node, ast.Name) and (literal := self.literals.get(node.id)) is not None:
            node = literal
        return isinstance(node, ast.Constant) or isinstance(self.look_up(node), str | enum.Enum)


def _constant_value(found: Any) -> tuple[Const, ...] | None:
    if isinstance(found, enum.Enum):
        found = found.value
    if isinstance(found, Const):
        return (found,)
    if isinstance(found, tuple | frozenset | set | list | dict | MappingProxyType):
        items = tuple(item.value if isinstance(item, enum.Enum) else item for item in found)
        return items if all(isinstance(item, Const) for item in items) else None
    return None


def _free(function: FunctionType, name: str) -> Any:
    cell = (function.__closure__ or ())[function.__code__.co_freevars.index(name)]
    try:
        return cell.cell_contents
    except ValueError:  # the cell is still empty
        return MISSING


def read_function(function: FunctionType, *, tainted: Mapping[str, Value] | None = None) -> Scan | None:
    """Read one function. None if its source cannot be had."""
    from .statements import run_body

    tree = tree_of(function)
    if tree is None:
        return None
    scan = Scan(function, tainted or {})
    state = _first_parameter(function, tree)
    scan.state_name = state or ""
    env: Env = {state: frozenset({Ref(STATE)})} if state else {}
    run_body(tree, env, scan)
    for site in scan.sites.values():
        site.gather(scan.events)
    return scan


def _first_parameter(function: FunctionType, tree: Function) -> str | None:
    names = [arg.arg for arg in (*tree.args.posonlyargs, *tree.args.args)]
    if names[:1] == ["self"] and "." in function.__qualname__:
        names = names[1:]
    return names[0] if names else None


def parts(value: Value, key: str | int, scan: Scan) -> Value:
    """`value[key]`, where a key of the state gives what was stored under it."""
    found = {ref.part(key) for ref in value if ref.site != STATE and not ref.boxed}
    if any(ref.site == STATE for ref in value) and isinstance(key, str):
        found |= scan.tainted.get(key, NOTHING)
    scan.opaque((ref for ref in value if ref.boxed), "taken out of a container again")
    return frozenset(found)


__all__ = ["MISSING", "Env", "Scan", "parts", "read_function"]


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
