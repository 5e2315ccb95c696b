"""One value that a decision looks at, what it is now, and the same action or facts with another one in its place."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from ...protocol import Action, Json
from ..rules import (
    Argument,
    Budget,
    Confidence,
    ContextValue,
    Doubt,
    Facts,
    Novel,
    Past,
    Path,
    Rate,
    subject_in_words,
)
from .boundaries import as_number
from .fetching import MISSING, walk
from .tallying import past, tallying

Scene = tuple[Action, Facts]
"""What is decided on."""


@dataclass(frozen=True, slots=True)
class Movable:
    """A value by its place. `at` makes the scene with another value (MISSING: without one), None if that cannot be."""

    what: str
    now: object
    at: Callable[[object], Scene | None]


def movable(subject: Argument | ContextValue | Confidence, action: Action, facts: Facts) -> Movable:
    """A value in the arguments, in the context, or the agent's confidence."""
    match subject:
        case Argument(path=path):
            return Movable(
                str(subject), _at(action.arguments, path, subject), lambda to: _argued(action, facts, path, to)
            )
        case ContextValue(path=path):
            return Movable(str(subject), _at(facts.context, path, subject), lambda to: _told(action, facts, path, to))
        case _:
            now = MISSING if facts.confidence is None else facts.confidence
            return Movable(str(subject), now, lambda to: _confident(action, facts, to))


def movable_past(subject: Budget | Rate | Novel, scope: str, action: Action, facts: Facts) -> Movable | None:
    """What has happened before, this action included; None where that is not known.

    For a first time that is how often it happened before.
    """
    try:
        asked = tallying(subject, scope)(action, facts)
        known = past(asked, facts)
    except Doubt:
        return None
    own = 0 if isinstance(subject, Novel) else asked.amount if isinstance(subject, Budget) else 1
    sums = isinstance(subject, Budget)

    def at(to: object) -> Scene | None:
        before = Decimal(cast("Any", to)) - own
        if before < 0 or not (sums or before == int(before)):
            return None
        then = Past(known.count, before) if sums else Past(int(before), known.total)
        history = cast("Mapping[Any, Past]", ChainMap({asked.question: then}, cast("Any", facts.history)))
        return action, replace(facts, history=history)

    what = (
        f"earlier actions with argument {'.'.join(subject.of)!r}"
        if isinstance(subject, Novel)
        else subject_in_words(subject)
    )
    return Movable(what, (known.total if sums else known.count) + own, at)


def _argued(action: Action, facts: Facts, path: Path, to: object) -> Scene | None:
    arguments = _with(action.arguments, path, to)
    if arguments is MISSING:
        return None
    made = Action.model_construct(
        tool=action.tool, arguments=cast("Any", arguments), definition=action.definition, origin=action.origin
    )
    return made, facts


def _told(action: Action, facts: Facts, path: Path, to: object) -> Scene | None:
    context = _with(facts.context, path, to)
    return None if context is MISSING else (action, replace(facts, context=cast("dict[str, Json]", context)))


def _confident(action: Action, facts: Facts, to: object) -> Scene | None:
    if to is MISSING:
        return action, replace(facts, confidence=None)
    sure = as_number(to)
    return (action, replace(facts, confidence=float(sure))) if sure is not None and 0 <= sure <= 1 else None


def _at(tree: object, path: Path, subject: Argument | ContextValue) -> object:
    try:
        return walk(tree, path, subject)
    except Doubt:
        return MISSING


def _with(tree: object, path: Path, to: object) -> object:
    """The tree with another value at a path; MISSING if there is no such place, nor can there be one."""
    if not path:
        return to
    key, rest = path[0], path[1:]
    if isinstance(tree, Mapping):
        inner = _with(tree.get(key, {}), rest, to)
        if rest and inner is MISSING:
            return MISSING
        left = {name: value for name, value in tree.items() if name != key}
        return left if inner is MISSING else {**left, key: inner}
    if isinstance(tree, list) and key.isdigit() and int(key) < len(tree):
        inner = _with(tree[int(key)], rest, to)
        return MISSING if inner is MISSING else [*tree[: int(key)], inner, *tree[int(key) + 1 :]]
    return MISSING
