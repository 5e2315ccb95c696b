"""Which past an action is asked about: the tally of each budget, rate and first time in a condition."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final, assert_never

from ...errors import RecordError
from ...protocol import Action, Json, canonical, has_mask, sha256
from ..rules import (
    LARGEST_AMOUNT,
    All,
    AnyOf,
    Argument,
    Budget,
    Condition,
    ContextValue,
    Doubt,
    Facts,
    Glob,
    Match,
    Not,
    Novel,
    Past,
    Path,
    Question,
    Rate,
    Tally,
    Where,
    number,
)
from .fetching import MISSING, walk

Tallying = Callable[[Action, Facts], Tally]
"""The tally of one condition for this action. Raises Doubt."""

_LONGEST_KEY: Final = 10_000


def scope_of(match: Match) -> str:
    """The name of what a match is about. It stays the same as long as the match says the same."""
    said: dict[str, Json] = {}
    for key in ("tool", "agent", "backend", "environment", "tags", "risk", "outside"):
        if names := getattr(match, key):
            said[key] = [{"glob": each.pattern} if isinstance(each, Glob) else each for each in names]
    if match.reversible is not None:
        said["reversible"] = match.reversible
    return sha256(canonical(said, what="match"))


def tallies(condition: Condition | None, scope: str) -> Iterator[Tallying]:
    """One for each condition of this tree that looks at the past."""
    return (tallying(subject, scope) for subject in _subjects(condition))


def windows(condition: Condition | None, match: Match) -> Iterator[tuple[str, timedelta | None]]:
    """The series that a rule counts, and how far back each of its looks goes (None: without end)."""
    return ((_series(subject, scope_of(match)), subject.within) for subject in _subjects(condition))


def _subjects(condition: Condition | None) -> Iterator[Budget | Rate | Novel]:
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            for part in parts:
                yield from _subjects(part)
        case Not(condition=inner):
            yield from _subjects(inner)
        case Where(subject=Budget() | Rate() as subject):
            yield subject
        case Novel():
            yield condition
        case _:
            return


def tallying(subject: Budget | Rate | Novel, scope: str) -> Tallying:
    """What to ask about the past for one condition of a rule with this scope."""
    series, within = _series(subject, scope), subject.within

    def tally(action: Action, facts: Facts) -> Tally:
        values = [_key(each, action, facts) for each in subject.per]
        amount = Decimal(0)
        if isinstance(subject, Budget):
            amount = amount_at(subject.of, action)
        elif isinstance(subject, Novel):
            values.append(_value(Argument(subject.of), action, facts))
        return Tally(Question(series, _digest([facts.tenant, *values]), within), amount)

    return tally


def _series(subject: Budget | Rate | Novel, scope: str) -> str:
    return sha256(canonical([scope, *_said(subject), [_spelled(each) for each in subject.per]], what="series"))


def past(tally: Tally, facts: Facts) -> Past:
    """What is known of the past that a condition asks about. Raises Doubt."""
    known = facts.history.get(tally.question)
    if known is None:
        raise Doubt("what happened before is not known")
    return known


def _said(subject: Budget | Rate | Novel) -> list[Json]:
    match subject:
        case Budget(of=path):
            return ["budget", *path]
        case Rate():
            return ["rate"]
        case Novel(of=path):
            return ["novel", *path]
    assert_never(subject)


def _spelled(each: str | Argument | ContextValue) -> Json:
    match each:
        case str():
            return each
        case Argument(path=path):
            return ["argument", *path]
        case ContextValue(path=path):
            return ["context", *path]
    assert_never(each)


def _key(each: str | Argument | ContextValue, action: Action, facts: Facts) -> Json:
    if not isinstance(each, str):
        return _value(each, action, facts)
    agent = facts.agent if facts.agent is not None else action.origin.agent
    found = {"run": facts.run, "agent": agent, "tool": action.tool, "user": facts.started_by}[each]
    if found is None:
        raise Doubt(f"the {each} is not known")
    return found


def _value(subject: Argument | ContextValue, action: Action, facts: Facts) -> Json:
    tree = action.arguments if isinstance(subject, Argument) else facts.context
    value = walk(tree, subject.path, subject)
    if value is MISSING:
        raise Doubt(f"{subject} is missing")
    if has_mask(value):
        raise Doubt(f"{subject} is secret, so nothing can be counted by it")
    return value  # type: ignore[return-value]  # what lies in JSON is JSON; if it is not, no digest is made of it


def amount_at(path: Path, action: Action) -> Decimal:
    """The amount in an action's arguments at a path. Raises Doubt."""
    subject = Argument(path)
    value = walk(action.arguments, path, subject)
    if value is MISSING:
        raise Doubt(f"{subject} is missing")
    try:
        amount = number(value)
    except Doubt as doubt:
        raise Doubt(f"{subject} {doubt}") from None
    if not 0 <= amount <= LARGEST_AMOUNT:
        raise Doubt(f"{subject} is no amount from 0 to {LARGEST_AMOUNT:,}")
    return Decimal(amount)


def _digest(values: list[Json]) -> str:
    try:
        if all(value is None or type(value) is str for value in values):
            # Texts have one spelling only, and this finds it in a tenth of the time.
            return sha256(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
        return sha256(canonical(values, what="key", limit=_LONGEST_KEY))
    except (RecordError, UnicodeEncodeError) as exc:
        raise Doubt(f"what history is kept apart by cannot be written down: {type(exc).__name__}") from None
