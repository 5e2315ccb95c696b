"""JSON values for properties: any value, other spellings of a value, and what a value means."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from hitl_core.protocol.canonical import MAX_INTEGER

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
numbers = integers | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
arguments = st.dictionaries(texts, values, max_size=4)

# Few and alike, so that two of them often mean the same.
lookalikes = st.recursive(
    st.sampled_from([True, False, None, 0, -0.0, 0.0, 1, 1.0, "1", "true", "", "\u00e9", "e\u0301"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "1"]), inner, max_size=2),
    max_leaves=3,
)


def meaning(value: Any) -> object:
    """What a JSON value says, whatever its spelling: kinds are kept apart, numbers are exact, keys have no order."""
    match value:
        case None | bool() | str():
            return (type(value).__name__, value)
        case int() | float():
            return ("number", Fraction(value))
        case list():
            return ("list", tuple(meaning(item) for item in value))
        case _:
            return ("object", frozenset((key, meaning(item)) for key, item in value.items()))


def respelled(value: Any) -> Any:
    """The same value as another writer might spell it: keys in another order, whole numbers as floats."""
    match value:
        case bool():
            return value
        case int():
            return float(value)
        case list():
            return [respelled(item) for item in value]
        case dict():
            return {key: respelled(value[key]) for key in reversed(value)}
        case _:
            return value
