"""What a function's signature says of it as a tool: its arguments as a model, and whether it can run in the store."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, create_model

from .errors import ConfigError, Fault

Function = Callable[..., Any]

TRANSACTION: Final = "transaction"
"""The parameter through which a transactional tool gets the store's own driver connection."""

STRICT: Final = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def check_transactional(name: str, function: Function) -> None:
    """Raises ConfigError if a function cannot run inside the store's own transaction."""
    faults = [Fault(name, "is transactional, so it must not be async")] * inspect.iscoroutinefunction(function)
    if TRANSACTION not in inspect.signature(function).parameters:
        faults.append(Fault(name, f"is transactional, so it must take {TRANSACTION!r}, the store's connection"))
    if faults:
        raise ConfigError(faults)


def parameters_of(name: str, function: Function) -> type[BaseModel]:
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
    return create_model(name, __config__=STRICT, **fields)


def shown_parameters(function: Function) -> tuple[str, ...]:
    """The names of the parameters that are given something by whoever calls it: all but the transaction."""
    return tuple(name for name in inspect.signature(function).parameters if name != TRANSACTION)
