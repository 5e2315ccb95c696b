"""Neutral tools: declared once with `@tool`, built natively by every adapter."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import Any, Final, ParamSpec, TypeVar, cast, overload

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr, TypeAdapter, create_model

from .errors import ConfigError, Fault, ResultNotKept
from .protocol import UNDO, Arguments, EffectMode, Json, Kind, Option, Preview, canonical, secret_paths, sha256
from .protocol.masks import SecretPath
from .signatures import STRICT, TRANSACTION, Function, check_transactional, parameters_of

P = ParamSpec("P")
R = TypeVar("R")

Previewer = Callable[[Arguments], Preview | str]


@dataclass(frozen=True, slots=True)
class Traits:
    """What the policy and the gate need to know about a tool. Unknown reversibility counts as irreversible.

    `secret`: dotted places in the arguments that are stored and shown masked; `*` is any one key or position.
    """

    mode: EffectMode = EffectMode.LEDGER
    reversible: bool | None = None
    risk: str | None = None
    tags: tuple[str, ...] = ()
    title: str = ""
    preview: Previewer | None = None
    undo: Function | None = None
    undo_window: timedelta | None = None
    compensates: str = ""
    secret: tuple[str, ...] = ()


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
    parameters: type[BaseModel] = field(default=NoParameters, repr=False)

    @cached_property
    def schema(self) -> dict[str, Json]:
        """JSON Schema of the arguments (an object; unknown names are refused)."""
        return cast("dict[str, Json]", self.parameters.model_json_schema())

    @cached_property
    def result_schema(self) -> dict[str, Json] | None:
        """JSON Schema of what the function says that it returns; None where it does not say, or says nothing JSON."""
        returned = None if self.function is None else inspect.signature(self.function, eval_str=True).return_annotation
        if returned in (None, inspect.Signature.empty):
            return None
        try:
            return TypeAdapter(returned).json_schema(mode="serialization") or None
        except Exception:  # whatever a type has instead of a JSON form: nothing is promised then
            return None

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
            return _seen(kept(await self.function(**self.typed(arguments), **extra)))
        # In a thread: a slow tool must not hold up the loop, which keeps the lease of its run.
        result = await asyncio.to_thread(self.function, **self.typed(arguments), **extra)
        if inspect.isawaitable(result):
            result = await result
        return _seen(kept(result))

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
        return cast("Arguments", as_json(_revealed(dict(bound.arguments))))

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


def _revealed(value: object) -> object:
    """What a call was given with pydantic's secrets as they are: the gate masks them, and the tool gets them whole."""
    if isinstance(value, SecretStr | SecretBytes):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: _revealed(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: _revealed(each) for key, each in value.items()}
    return [_revealed(each) for each in value] if isinstance(value, list | tuple) else value


def kept(result: object) -> Json:
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
    undo_window: timedelta | None = ...,
    compensates: str = ...,
    idempotent: bool = ...,
    transactional: bool = ...,
    preview: Previewer | None = ...,
    tags: Sequence[str] = ...,
    title: str = ...,
    secret: Sequence[str] = ...,
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
    undo_window: timedelta | None = None,
    compensates: str = "",
    idempotent: bool = False,
    transactional: bool = False,
    preview: Previewer | None = None,
    tags: Sequence[str] = (),
    title: str = "",
    secret: Sequence[str] = (),
) -> Tool | Callable[[Callable[P, R]], Tool]:
    """Declare a tool once for every framework.

    risk: a word your policy knows. reversible: True only if it can be taken back. undo: takes the receipt (the
    tool's result) back, and if it has a second parameter the arguments. undo_window: how long after. compensates: what
    stays, where that makes good for it rather than undo it. idempotent: safe to repeat with the same key
    (`current_call().key`).
    transactional: sync, takes `transaction` (the store's connection) and commits with the record of it. A stop waits
    for it; on PostgreSQL nothing is kept of one that does something else for five seconds.
    preview: from the final arguments, what will happen: the effect as a text, or a Preview with who is affected, which
    data leaves, the cost, a diff against the state of now. secret: arguments (`card`, `payment.cvv`,
    `cards.*.number`) that are stored and shown masked and reach the function whole; a SecretStr is one anyway.
    Raises ConfigError for a mode that cannot be kept.
    """
    if idempotent and transactional:
        raise ConfigError([Fault("effect", "a tool is idempotent or transactional, not both")])
    if not isinstance(undo_window, timedelta | None):
        raise ConfigError([Fault("undo_window", f"must be a timedelta, as in timedelta(hours=2), not {undo_window!r}")])
    mode = EffectMode.IDEMPOTENT if idempotent else EffectMode.LEDGER
    mode = EffectMode.TRANSACTIONAL if transactional else mode
    traits = Traits(mode, reversible, risk, tuple(tags), title, preview, undo, undo_window, compensates, tuple(secret))

    def declare(made: Callable[P, R]) -> Tool:
        called = name or made.__name__
        if transactional:
            check_transactional(called, made)
        text = description or inspect.cleandoc(made.__doc__ or "")
        return Tool(called, text, made, traits=traits, parameters=parameters_of(called, made))

    return declare if function is None else declare(function)


def question(name: str, description: str) -> Tool:
    """A tool with which an agent asks people; it takes `question` and its result is their words."""
    model = create_model(name, __config__=STRICT, question=(str, ...))
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
        parameters=create_model(name, __config__=STRICT, **fields),
    )


def review(name: str, description: str) -> Tool:
    """A tool with which an agent shows a draft (`content`); people accept, edit or send it back."""
    model = create_model(name, __config__=STRICT, content=(str, ...))
    return Tool(name, description, kind=Kind.REVIEW, parameters=model)


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
_returned: ContextVar[list[Json] | None] = ContextVar("hitl_returned", default=None)

RETURNED: Final = "hitl/returned"
"""Where a result that is kept in a framework's form has what the tool returned."""


def with_receipt(form: dict[str, Json], returned: Json) -> dict[str, Json]:
    """A result in a framework's form, as it is kept: with what the tool returned beside it, which an undo is given."""
    return form if returned is None else {**form, RETURNED: returned}


def current_call() -> Call:
    """The call that is running now, for its idempotency key. Raises LookupError outside a gated tool."""
    if (call := _current.get()) is None:
        raise LookupError("no gated tool is running here")
    return call


@contextmanager
def running(call: Call, returned: list[Json] | None = None) -> Iterator[Call]:
    """Mark `call` as the one that runs in this context; what tools return there is added to `returned`."""
    was, seen = _current.set(call), _returned.set(returned)
    try:
        yield call
    finally:
        _returned.reset(seen)
        _current.reset(was)


def _seen(result: Json) -> Json:
    if (returned := _returned.get()) is not None:
        returned.append(result)
    return result


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────────────────


Override = Mapping[str, Any]
"""Some of the fields of Traits: those that hitl.toml gives for a tool."""


def _traits_of_undo(tool: str, traits: Traits) -> Traits:
    """What is known about the undo of a tool. What it does is shown as what it is: an undo, or a compensation."""
    word = "Compensate" if traits.compensates else "Undo"
    stays = (f"This makes good for it and does not undo it: {traits.compensates}",) if traits.compensates else ()

    def shown(arguments: Arguments) -> Preview:
        return Preview(effect=f"{word} {tool}, whose result was: {arguments['receipt']}", warnings=stays)

    in_store = traits.undo is not None and TRANSACTION in inspect.signature(traits.undo).parameters
    mode = EffectMode.TRANSACTIONAL if in_store else EffectMode.LEDGER
    return Traits(mode, None, traits.risk, traits.tags, f"{word} {tool}", shown)


class Catalogue:
    """The tools that are known by name: from an AgentSpec, and from `[tools.*]` in hitl.toml for native ones.

    An override replaces what it gives and nothing else. Raises ConfigError where it contradicts a tool.
    """

    def __init__(
        self,
        tools: Sequence[Tool] = (),
        overrides: Mapping[str, Override] | None = None,
        redact: Sequence[str] = (),
    ) -> None:
        self._tools: dict[str, Tool] = {}
        self._overrides = dict(overrides or {})
        self._redact = tuple(redact)
        self._secrets: dict[str, tuple[SecretPath, ...]] = {}
        for each in tools:
            self.learn(each)

    @property
    def undoes(self) -> bool:
        """Whether hitl.toml says how a tool is undone, so that it needs no app."""
        return any("undo" in override for override in self._overrides.values())

    def tool(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def knows(self, name: str) -> bool:
        """Whether anything is known about a tool of that name."""
        return name in self._tools or name in self._overrides

    def traits(self, name: str) -> Traits:
        """What is known about a tool; an unknown tool is irreversible, of unknown risk, with a ledger.

        `undo:NAME` is the undo of a tool: of the same risk and with the same tags, and itself irreversible.
        """
        known = self._declared(name)
        override = self._overrides.get(name)
        return replace(known, **override) if override else known

    def secrets(self, name: str) -> tuple[SecretPath, ...]:
        """The places of secrets in the arguments of a tool: whatever is said of it adds some, and takes none away."""
        if name not in self._secrets:
            self._secrets[name] = self._marked(name)
        return self._secrets[name]

    @property
    def any_secret(self) -> bool:
        """Whether a tool that is known by name has secret arguments."""
        return bool(self._redact) or any(map(self.secrets, {*self._tools, *self._overrides}))

    def _marked(self, name: str) -> tuple[SecretPath, ...]:
        declared = self._tools.get(name)
        own = () if declared is None else declared.traits.secret
        said = (*own, *self._overrides.get(name, {}).get("secret", ()), *self._redact)
        schema = () if declared is None else secret_paths(declared.schema)
        return tuple(dict.fromkeys((*(tuple(path.split(".")) for path in said), *schema)))

    def _declared(self, name: str) -> Traits:
        declared = self._tools.get(name)
        if declared is not None or not name.startswith(UNDO):
            return declared.traits if declared else Traits()
        return _traits_of_undo(name.removeprefix(UNDO), self.traits(name.removeprefix(UNDO)))

    def learn(self, tool: Tool) -> None:
        """Add a tool that an adapter found in an app. Raises ConfigError if another one has its name already."""
        mode = self._overrides.get(tool.name, {}).get("mode", tool.traits.mode)
        if mode != tool.traits.mode and EffectMode.TRANSACTIONAL in (mode, tool.traits.mode):
            problem = f"is {mode} here, but the tool is declared {tool.traits.mode}; take this line away"
            raise ConfigError([Fault(f"tools.{tool.name}.effect", problem)])
        known = self._tools.setdefault(tool.name, tool)
        self._secrets.pop(tool.name, None)
        differs = _difference(known, tool)
        if differs:
            problem = f"is the name of two different tools in this app: they differ in {differs}; rename one of them"
            raise ConfigError([Fault(tool.name, problem)])


def _difference(one: Tool, other: Tool) -> str:
    """In what two tools of one name are not the same; the functions behind them may be made anew for every run."""
    if one.definition != other.definition:
        return "name, description or arguments"
    names = ("mode", "reversible", "risk", "tags", "title", "secret")
    return ", ".join(name for name in names if getattr(one.traits, name) != getattr(other.traits, name))
