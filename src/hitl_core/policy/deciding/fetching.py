"""Where the value of a test comes from: arguments, the context, the agent's confidence. Nothing is converted."""

from __future__ import annotations

from typing import Final, cast

from ...protocol import Arguments
from ..rules import Argument, ContextValue, Doubt, Path, Type, items, number, type_of

MISSING: Final = object()
"""There is no such value, which is not the same as null."""


def walk(value: object, path: Path, subject: Argument | ContextValue) -> object:
    """Follow keys, and positions in lists. A step into what has neither is a doubt, not an absence."""
    for key in path:
        kind = type_of(value)
        if kind is Type.OBJECT:
            value = cast("Arguments", value).get(key, MISSING)
        elif kind is Type.LIST and key.isascii() and key.isdigit():
            found = items(value)
            value = found[int(key)] if len(key) < 10 and int(key) < len(found) else MISSING
        else:
            raise Doubt(f"{subject} cannot be followed: {key!r} is looked for in something of type {kind}")
        if value is MISSING:
            return MISSING
    return value


def confidence(value: object) -> object:
    """The agent's confidence. Raises Doubt for one that lies outside its bounds."""
    if value is None:
        return MISSING
    if not 0 <= number(value) <= 1:
        raise Doubt("the confidence does not lie between 0 and 1")
    return value
