"""What a condition looked at: each part of it with its value, and whether that held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ...protocol import Action, Json
from ..rules import (
    All,
    AnyOf,
    Argument,
    Condition,
    Facts,
    Leaf,
    Not,
    Novel,
    Where,
    as_json,
    in_words,
    leaves,
)
from .compiled import compiled, fetcher
from .fetching import MISSING, walk
from .rulings import doubt_text

Truth = bool | None
"""Kleene's three values: None is a doubt."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing that a condition looks at. `value` is None also where there is none: `there` says which.

    `holds` is None for what cannot be told, and `doubt` says why.
    """

    says: str
    value: Json
    there: bool
    holds: Truth
    doubt: str = ""


def looked_at(condition: Condition | None, scope: str, action: Action, facts: Facts) -> tuple[Looked, ...]:
    """Each part of a condition, in the order of the file."""
    return () if condition is None else tuple(_looked(leaf, scope, action, facts) for leaf in leaves(condition))


def nearly(condition: Condition, found: tuple[Looked, ...]) -> bool:
    """Whether a condition that does not hold would, if one of its parts came out the other way."""
    truths = [each.holds for each in found]
    return any(
        truth(condition, iter([*truths[:n], not one, *truths[n + 1 :]])) is True
        for n, one in enumerate(truths)
        if one is not None
    )


def truth(condition: Condition, truths: Iterator[Truth]) -> Truth:
    """What a condition comes to, with these truths for its parts in their order."""
    match condition:
        case All(conditions=parts):
            return _settled([truth(part, truths) for part in parts], by=False)
        case AnyOf(conditions=parts):
            return _settled([truth(part, truths) for part in parts], by=True)
        case Not(condition=inner):
            found = truth(inner, truths)
            return None if found is None else not found
        case _:
            return next(truths)


def _settled(parts: list[Truth], *, by: bool) -> Truth:
    if by in parts:
        return by
    return None if None in parts else not by


def _looked(leaf: Leaf, scope: str, action: Action, facts: Facts) -> Looked:
    value = _value(leaf, scope, action, facts)
    shown = None if value is MISSING else as_json(value)
    try:
        holds = compiled(leaf, scope)(action, facts)
    except Exception as exc:
        return Looked(in_words(leaf), shown, value is not MISSING, None, doubt_text(exc))
    return Looked(in_words(leaf), shown, value is not MISSING, holds)


def _value(leaf: Leaf, scope: str, action: Action, facts: Facts) -> object:
    """What is looked at, MISSING where it is not there or cannot be told."""
    try:
        match leaf:
            case Where(subject=subject):
                return fetcher(subject, scope)(action, facts)
            case Novel(of=path):
                return walk(action.arguments, path, Argument(path))
            case _:
                return facts.now.astimezone(ZoneInfo(leaf.zone)).isoformat(timespec="seconds")
    except Exception:  # the doubt of the condition itself says what it is
        return MISSING
