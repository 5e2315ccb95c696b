"""What JSON values are and when two are the same. Exact: true is not 1, "1" is not 1, nothing is converted.

Numbers are compared as the decimal of their JSON text, so the float 0.1 is the 0.1 that a person wrote in the
policy, and 1.0 is 1 (as in RFC 8785).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import Any

from ...protocol import Json

Number = int | Decimal


class Doubt(Exception):
    """A condition has no certain answer (a value is missing or of a wrong type), so somebody must be asked.

    Its text names places and types, never values: it is shown and recorded.
    """


class Type(StrEnum):
    """The JSON types, in the words that a policy uses."""

    NULL = "null"
    BOOLEAN = "boolean"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    OBJECT = "object"


def type_of(value: object) -> Type:
    """The JSON type of a value. Raises Doubt if it has none."""
    match value:
        case None:
            return Type.NULL
        case bool():
            return Type.BOOLEAN
        case int() | float() | Decimal():
            return Type.NUMBER
        case str():
            return Type.TEXT
        case list() | tuple():
            return Type.LIST
        case Mapping():
            return Type.OBJECT
        case _:
            raise Doubt(f"is a {type(value).__name__}, which is not JSON")


def number(value: object) -> Number:
    """An exact number. Raises Doubt for everything else, NaN and infinity included."""
    if type(value) is int:
        return value
    if isinstance(value, float) and isfinite(value):
        return Decimal(repr(float(value)))
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, float | Decimal):
        raise Doubt("is not a finite number")
    raise wrong_type(value, Type.NUMBER)


def text(value: object) -> str:
    """A text. Raises Doubt for everything else."""
    if isinstance(value, str):
        return value
    raise wrong_type(value, Type.TEXT)


def items(value: object) -> list[object]:
    """The items of a list. Raises Doubt for everything else."""
    if isinstance(value, list | tuple):
        return list(value)
    raise wrong_type(value, Type.LIST)


def wrong_type(value: object, *needed: Type) -> Doubt:
    """The doubt about a value whose type the rule did not foresee."""
    return Doubt(f"is of type {type_of(value)}; the rule needs {' or '.join(needed)}")


def same(one: object, other: object) -> bool:
    """Whether two JSON values are the same value of the same type. Raises Doubt for what is not JSON."""
    kind = type_of(one)
    if kind is not type_of(other):
        return False
    if kind is Type.NUMBER:
        return number(one) == number(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if kind is Type.LIST:
        mine, yours = items(one), items(other)
        return len(mine) == len(yours) and all(map(same, mine, yours))
    return one == other


def as_json(value: Any) -> Json:
    """A value of a policy as JSON: whole numbers as integers, fractions as they are written."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case tuple() | list():
            return [as_json(each) for each in value]
        case dict():
            return {key: as_json(each) for key, each in value.items()}
        case _:
            return value  # type: ignore[no-any-return]  # operands are JSON (checking/operands.py)
