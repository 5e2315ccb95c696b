"""Neutral tools: declared once with `@tool`, built natively by every adapter."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Final, ParamSpec, TypeVar, cast, overload

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr, TypeAdapter, ValidationError, create_model

from ..errors import ConfigError, Fault, NotCanonical, ResultNotKept
from ..protocol import Arguments, EffectMode, Json, Kind, Option, Preview, canonical, sha256
from ..signatures import STRICT, TRANSACTION, Function, check_transactional, parameters_of
from .call import seen

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
    """A tool in neutral form. `kind` other than approval makes it a question to people: `function` is None then.

    A `client` tool is one that a run was started with: its `parameters` take what fits somebody else's JSON Schema.
    """

    name: str
    description: str
    function: Function | None = None
    kind: Kind = Kind.APPROVAL
    options: tuple[Option, ...] = ()
    traits: Traits = Traits()
    parameters: type[BaseModel] = field(default=NoParameters, repr=False)
    client: bool = False

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
            return seen(kept(await self.function(**self.typed(arguments), **extra)))
        # In a thread: a slow tool must not hold up the loop, which keeps the lease of its run.
        result = await asyncio.to_thread(self.function, **self.typed(arguments), **extra)
        if inspect.isawaitable(result):
            result = await result
        return seen(kept(result))

    def run_in(self, transaction: Any, arguments: Arguments) -> Json:
        """Call a transactional tool inside the store's transaction; it must not be async."""
        assert self.function is not None
        return as_json(self.function(**self.typed(arguments), **{TRANSACTION: transaction}))

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
        """What a call was given, by name; the transaction is added when it runs.

        Raises TypeError for a wrong call, NotCanonical for what has no JSON form.
        """
        assert self.function is not None
        signature = inspect.signature(self.function)
        shown = [parameter for name, parameter in signature.parameters.items() if name != TRANSACTION]
        bound = signature.replace(parameters=shown).bind(*args, **kwargs)
        try:
            return cast("Arguments", as_json(_revealed(dict(bound.arguments))))
        except (ValueError, RecursionError) as exc:
            raise NotCanonical([Fault("arguments", f"have no JSON form: {exc}")]) from exc

    def typed(self, arguments: Arguments) -> dict[str, Any]:
        """The arguments as the signature's own types. Raises pydantic.ValidationError."""
        model = self.parameters.model_validate(arguments)
        return {name: getattr(model, name) for name in type(model).model_fields}


def refusal_of(error: ValidationError) -> str:
    """What a model is told of a call with arguments that its tool would not take."""
    faults = "; ".join(
        ": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"]))) for each in error.errors()
    )
    return f"The arguments are invalid, so nothing was run: {faults}. Correct them and call again."


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
