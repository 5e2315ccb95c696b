"""Neutral tools: declared once with `@tool`, built natively by every adapter."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, ParamSpec, TypeVar, cast, overload

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

from .errors import ConfigError, Fault, ResultNotKept
from .protocol import Arguments, EffectMode, Json, Kind, Option, Preview, canonical, sha256

P = ParamSpec("P")
R = TypeVar("R")

Function = Callable[..., Any]
Previewer = Callable[[Arguments], Preview | str]

TRANSACTION: Final = "transaction"
"""The parameter through which a transactional tool gets the store's own driver connection."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the policy and the gate need to know about a tool. Unknown reversibility counts as irreversible."""

    mode: EffectMode = EffectMode.LEDGER
    reversible: bool | None = None
    risk: str | None = None
    tags: tuple[str, ...] = ()
    title: str = ""
    preview: Previewer | None = None


class NoParameters(BaseModel):
    """The arguments of a tool that takes none."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Tool:
    """A tool in neutral form. `kind` other than approval makes it a question to people: `function` is None then."""

    name: str
    description: str
    function: Function | None = None
    kind: Kind = Kind.APPROVAL
    options: tuple[Option, ...] = ()
    traits: Traits = Traits()
    undo: Function | None = None
    parameters: type[BaseModel] = field(default=NoParameters, repr=False)

    @cached_property
    def schema(self) -> dict[str, Json]:
        """JSON Schema of the arguments (an object; unknown names are refused)."""
        return cast("dict[str, Json]", self.parameters.model_json_schema())

    @cached_property
    def definition(self) -> str:
        """Digest of name, description and schema: changes when the tool is redefined."""
        return sha256(canonical({"name": self.name, "description": self.description, "schema": self.schema}))

    async def run(self, arguments: Arguments, **extra: Any) -> Json:
        """Call the function with arguments validated against its own signature; the result as JSON.

        Raises pydantic.ValidationError on wrong arguments, whatever the function raises, and ResultNotKept if it
        returns what has no JSON form.
        """
        if self.function is None:
            raise ConfigError([Fault(self.name, "asks people; it has no function to run")])
        if inspect.iscoroutinefunction(self.function):
            return _kept(await self.function(**self.typed(arguments), **extra))
        # In a thread: a slow tool must not hold up the loop, which keeps the lease of its run.
        result = await asyncio.to_thread(self.function, **self.typed(arguments), **extra)
        if inspect.isawaitable(result):
            result = await result
        return _kept(result)

    def run_in(self, transaction: Any, arguments: Arguments) -> Json:
        """Call a transactional tool inside the store's transaction; it must not be async."""
        assert self.function is not None
        return as_json(self.function(**self.typed(arguments), **{TRANSACTION: transaction}))

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
        """What a call was given, by name; the transaction is added when it runs. Raises TypeError for a wrong call."""
        assert self.function is not None
        signature = inspect.signature(self.function)
        shown = [parameter for name, parameter in signature.parameters.items() if name != TRANSACTION]
        bound = signature.replace(parameters=shown).bind(*args, **kwargs)
        return cast("Arguments", as_json(dict(bound.arguments)))

    def typed(self, arguments: Arguments) -> dict[str, Any]:
        """The arguments as the signature's own types. Raises pydantic.ValidationError."""
        model = self.parameters.model_validate(arguments)
        return {name: getattr(model, name) for name in type(model).model_fields}


_ANYTHING: Final = TypeAdapter(object, config=ConfigDict(ser_json_inf_nan="constants"))


def as_json(value: object) -> Json:
    """A tool's result as JSON data (models, dataclasses, datetimes and the like are converted).

    NaN and infinity stay what they are, so that they are refused later and never read as null.
    """
    return cast("Json", _ANYTHING.dump_python(value, mode="json"))


def _kept(result: object) -> Json:
    """The result of a tool that has run. Raises ResultNotKept: nobody may take that for a failure of the tool."""
    try:
        return as_json(result)
    except Exception as exc:
        raise ResultNotKept.because(exc) from exc


@overload
def tool(function: Callable[P, R], /) -> Tool: ...
@overload
def tool(
    *,
    name: str = ...,
    description: str = ...,
    risk: str | None = ...,
    reversible: bool | None = ...,
    undo: Function | None = ...,
    idempotent: bool = ...,
    transactional: bool = ...,
    preview: Previewer | None = ...,
    tags: Sequence[str] = ...,
    title: str = ...,
) -> Callable[[Callable[P, R]], Tool]: ...
def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str = "",
    description: str = "",
    risk: str | None = None,
    reversible: bool | None = None,
    undo: Function | None = None,
    idempotent: bool = False,
    transactional: bool = False,
    preview: Previewer | None = None,
    tags: Sequence[str] = (),
    title: str = "",
) -> Tool | Callable[[Callable[P, R]], Tool]:
    """Declare a tool once for every framework.

    risk: a word your policy knows. reversible: True only if it can be taken back. undo: takes the receipt (the
    tool's result) back. idempotent: safe to repeat with the same key (`current_call().key`).
    transactional: sync, takes `transaction` (the store's connection) and commits with the record of it.
    preview: from the final arguments, what will happen. Raises ConfigError for a mode that cannot be kept.
    """
    if idempotent and transactional:
        raise ConfigError([Fault("effect", "a tool is idempotent or transactional, not both")])
    mode = EffectMode.IDEMPOTENT if idempotent else EffectMode.LEDGER
    mode = EffectMode.TRANSACTIONAL if transactional else mode
    traits = Traits(mode, reversible, risk, tuple(tags), title, preview)

    def declare(made: Callable[P, R]) -> Tool:
        called = name or made.__name__
        if transactional:
            _check_transactional(called, made)
        text = description or inspect.cleandoc(made.__doc__ or "")
        return Tool(called, text, made, traits=traits, undo=undo, parameters=_parameters(called, made))

    return declare if function is None else declare(function)


def question(name: str, description: str) -> Tool:
    """A tool with which an agent asks people; it takes `question` and its result is their words."""
    model = create_model(name, __config__=_STRICT, question=(str, ...))
    return Tool(name, description, kind=Kind.INPUT, parameters=model)


def choice(name: str, description: str, options: Sequence[str | Option] = ()) -> Tool:
    """A tool with which an agent lets people choose. Without `options` the agent offers its own as a list."""
    fixed = tuple(each if isinstance(each, Option) else Option(id=each) for each in options)
    fields: dict[str, Any] = {"question": (str, ...)}
    if not fixed:
        fields["options"] = (list[str], ...)
    return Tool(
        name,
        description,
        kind=Kind.CHOICE,
        options=fixed,
        parameters=create_model(name, __config__=_STRICT, **fields),
    )


def review(name: str, description: str) -> Tool:
    """A tool with which an agent shows a draft (`content`); people accept, edit or send it back."""
    model = create_model(name, __config__=_STRICT, content=(str, ...))
    return Tool(name, description, kind=Kind.REVIEW, parameters=model)


_STRICT: Final = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def _check_transactional(name: str, function: Function) -> None:
    """Raises ConfigError if a function cannot run inside the store's own transaction."""
    faults = [Fault(name, "is transactional, so it must not be async")] * inspect.iscoroutinefunction(function)
    if TRANSACTION not in inspect.signature(function).parameters:
        faults.append(Fault(name, f"is transactional, so it must take {TRANSACTION!r}, the store's connection"))
    if faults:
        raise ConfigError(faults)


def _parameters(name: str, function: Function) -> type[BaseModel]:
    """The arguments of a function as a model. Raises ConfigError for signatures that have no JSON form."""
    fields: dict[str, Any] = {}
    signature = inspect.signature(function, eval_str=True)
    for parameter in signature.parameters.values():
        if parameter.name == TRANSACTION:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ConfigError([Fault(f"{name}.{parameter.name}", "must be a named parameter with a type")])
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        fields[parameter.name] = (annotation, ... if parameter.default is parameter.empty else parameter.default)
    return create_model(name, __config__=_STRICT, **fields)


# ── the call that is running now ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Call:
    """The gated call whose tool is running. `key` is the idempotency key: the same for every attempt of it."""

    run_id: str
    name: str
    attempt: int = 1

    @property
    def key(self) -> str:
        return f"{self.run_id}:{self.name}"


_current: ContextVar[Call | None] = ContextVar("hitl_current_call", default=None)


def current_call() -> Call:
    """The call that is running now, for its idempotency key. Raises LookupError outside a gated tool."""
    call = _current.get()
    if call is None:
        raise LookupError("no gated tool is running here")
    return call


def running(call: Call) -> AbstractContextManager[Call]:
    """Mark `call` as the one that runs in this context."""

    @contextmanager
    def mark() -> Any:
        token = _current.set(call)
        try:
            yield call
        finally:
            _current.reset(token)

    return mark()


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────────────────


Override = Mapping[str, Any]
"""Some of the fields of Traits: those that hitl.toml gives for a tool."""


class Catalogue:
    """The tools that are known by name: from an AgentSpec, and from `[tools.*]` in hitl.toml for native ones.

    An override replaces what it gives and nothing else. Raises ConfigError where it contradicts a tool.
    """

    def __init__(self, tools: Sequence[Tool] = (), overrides: Mapping[str, Override] | None = None) -> None:
        self._tools: dict[str, Tool] = {}
        self._overrides = dict(overrides or {})
        for each in tools:
            self.learn(each)

    def tool(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def knows(self, name: str) -> bool:
        """Whether anything is known about a tool of that name."""
        return name in self._tools or name in self._overrides

    def traits(self, name: str) -> Traits:
        """What is known about a tool; an unknown tool is irreversible, of unknown risk, with a ledger."""
        declared = self._tools.get(name)
        known = declared.traits if declared else Traits()
        override = self._overrides.get(name)
        return replace(known, **override) if override else known

    def learn(self, tool: Tool) -> None:
        """Add a tool that an adapter found in an app. Raises ConfigError if another one has its name already."""
        mode = self._overrides.get(tool.name, {}).get("mode", tool.traits.mode)
        if mode != tool.traits.mode and EffectMode.TRANSACTIONAL in (mode, tool.traits.mode):
            problem = f"is {mode} here, but the tool is declared {tool.traits.mode}; take this line away"
            raise ConfigError([Fault(f"tools.{tool.name}.effect", problem)])
        known = self._tools.setdefault(tool.name, tool)
        differs = _difference(known, tool)
        if differs:
            problem = f"is the name of two different tools in this app: they differ in {differs}; rename one of them"
            raise ConfigError([Fault(tool.name, problem)])


def _difference(one: Tool, other: Tool) -> str:
    """In what two tools of one name are not the same; the functions behind them may be made anew for every run."""
    if one.definition != other.definition:
        return "name, description or arguments"
    names = ("mode", "reversible", "risk", "tags", "title")
    return ", ".join(name for name in names if getattr(one.traits, name) != getattr(other.traits, name))
