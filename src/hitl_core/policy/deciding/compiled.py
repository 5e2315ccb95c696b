"""Conditions as functions, built once when a policy is made.

Doubts follow Kleene's three-valued logic: `all` with one false part is false and `any` with one true part is
true, whatever the others would have said and in whatever order they stand. Only a doubt that could change the
result is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from ...protocol import Action, has_mask
from ..rules import (
    All,
    AnyOf,
    Argument,
    Budget,
    Condition,
    Confidence,
    ContextValue,
    Doubt,
    During,
    Facts,
    Not,
    Novel,
    Number,
    OnDays,
    Op,
    Operand,
    Rate,
    Subject,
    Test,
    Type,
    Where,
    finder,
    items,
    number,
    same,
    text,
    type_of,
    wrong_type,
)
from .fetching import MISSING, confidence, walk
from .tallying import past, tallying

Holds = Callable[[Action, Facts], bool]
"""Whether a condition holds for this action and these facts. Raises Doubt."""

Passes = Callable[[object], bool]
"""Whether one value passes a test. Raises Doubt."""


def compiled(condition: Condition, scope: str = "") -> Holds:
    """The condition as a function. The condition must have no problems (`checking.condition_problems`).

    `scope` names what its rule is about (`tallying.scope_of`), which is what its history counts.
    """
    match condition:
        case All(conditions=parts):
            return all_of([compiled(part, scope) for part in parts])
        case AnyOf(conditions=parts):
            return _any_of([compiled(part, scope) for part in parts])
        case Not(condition=inner):
            return _not(compiled(inner, scope))
        case Where(subject=subject, tests=tests):
            return _where(subject, tests, scope)
        case During():
            return _during(condition)
        case OnDays():
            return _on_days(condition)
        case Novel():
            return _novel(condition, scope)
    assert_never(condition)


def all_of(parts: Iterable[Callable[..., bool]]) -> Callable[..., bool]:
    """True if every part is. False wins over doubt."""
    return _kleene(tuple(parts), decisive=False)


def _any_of(parts: Iterable[Callable[..., bool]]) -> Callable[..., bool]:
    return _kleene(tuple(parts), decisive=True)


def _kleene(parts: tuple[Callable[..., bool], ...], *, decisive: bool) -> Callable[..., bool]:
    if len(parts) == 1:
        return parts[0]

    def combined(*scene: Any) -> bool:
        doubt: Doubt | None = None
        for part in parts:
            try:
                if part(*scene) is decisive:
                    return decisive
            except Doubt as exc:
                doubt = doubt or exc
        if doubt is not None:
            raise doubt
        return not decisive

    return combined


def _not(inner: Holds) -> Holds:
    return lambda action, facts: not inner(action, facts)


# ── where: fetch a value, test it ───────────────────────────────────────────────────────────────────────────


def _where(subject: Subject, tests: tuple[Test, ...], scope: str) -> Holds:
    fetch = fetcher(subject, scope)
    exists = [test.operand for test in tests if test.op is Op.EXISTS]
    if exists == [False]:
        return lambda action, facts: fetch(action, facts) is MISSING
    passes, reads = passes_all(tests), len(exists) < len(tests)

    def holds(action: Action, facts: Facts) -> bool:
        value = fetch(action, facts)
        if value is MISSING:
            if exists:
                return False
            raise Doubt(f"{subject} is missing")
        if reads and has_mask(value):
            raise Doubt(f"{subject} is secret, so no rule can read it")
        try:
            return passes(value)
        except Doubt as doubt:
            raise Doubt(f"{subject} {doubt}") from None

    return holds


def fetcher(subject: Subject, scope: str) -> Callable[[Action, Facts], object]:
    """What a test looks at: the value, or MISSING. Raises Doubt."""
    match subject:
        case Argument(path=(key,)):
            return lambda action, facts: action.arguments.get(key, MISSING)
        case Argument(path=path):
            return lambda action, facts: walk(action.arguments, path, subject)
        case ContextValue(path=path):
            return lambda action, facts: walk(facts.context, path, subject)
        case Confidence():
            return lambda action, facts: confidence(facts.confidence)
        case Budget() | Rate():
            return _so_far(subject, scope)
    assert_never(subject)


# ── tests of one value ──────────────────────────────────────────────────────────────────────────────────────


def passes_all(tests: tuple[Test, ...]) -> Passes:
    """Whether a value passes all of them."""
    return all_of([_passes(test.op, test.operand) for test in tests])


def _passes(op: Op, operand: Any) -> Passes:
    match op:
        case Op.EXISTS:
            return lambda value: True  # what can be tested is there
        case Op.TYPE:
            return lambda value: type_of(value) is operand
        case Op.EQUALS:
            return partial(_equals, (operand,))
        case Op.ONE_OF:
            return partial(_equals, operand)
        case Op.ABOVE | Op.AT_LEAST | Op.BELOW | Op.AT_MOST:
            return _compares(op, number(operand))
        case Op.STARTS_WITH | Op.ENDS_WITH | Op.CONTAINS:
            return _reads(op, operand if isinstance(operand, tuple) else (operand,))
        case Op.MATCHES | Op.FINDS:
            found = finder(operand, whole=op is Op.MATCHES)
            return lambda value: found(text(value))
        case Op.HAS_ITEM:
            return lambda value: any(same(item, operand) for item in items(value))
        case Op.EVERY:
            return _each(passes_all(operand), decisive=False)
        case Op.SOME:
            return _each(passes_all(operand), decisive=True)
        case Op.LENGTH:
            return _measures(passes_all(operand))
    assert_never(op)


def _equals(choices: tuple[Operand, ...], value: object) -> bool:
    if any(same(value, choice) for choice in choices):
        return True
    kinds = dict.fromkeys(map(type_of, choices))
    if type_of(value) not in kinds:
        raise wrong_type(value, *kinds)
    return False


def _compares(op: Op, limit: Number) -> Passes:
    match op:
        case Op.ABOVE:
            return lambda value: number(value) > limit
        case Op.AT_LEAST:
            return lambda value: number(value) >= limit
        case Op.BELOW:
            return lambda value: number(value) < limit
        case _:
            return lambda value: number(value) <= limit


def _reads(op: Op, parts: tuple[str, ...]) -> Passes:
    match op:
        case Op.STARTS_WITH:
            return lambda value: text(value).startswith(parts)
        case Op.ENDS_WITH:
            return lambda value: text(value).endswith(parts)
        case _:
            return lambda value: any(part in text(value) for part in parts)


def _each(passes: Passes, *, decisive: bool) -> Passes:
    def each(value: object) -> bool:
        verdicts = _kleene(tuple(partial(passes, item) for item in items(value)), decisive=decisive)
        try:
            return verdicts()
        except Doubt as doubt:
            raise Doubt(f"has an item that {doubt}") from None

    return each


def _measures(passes: Passes) -> Passes:
    def measures(value: object) -> bool:
        if not isinstance(value, str | list | tuple):
            raise wrong_type(value, Type.TEXT, Type.LIST)
        return passes(len(value))

    return measures


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────


def _during(window: During) -> Holds:
    zone, days = ZoneInfo(window.zone), frozenset(window.weekdays)
    start, end = window.start, window.end

    def holds(action: Action, facts: Facts) -> bool:
        now = _local(facts.now, zone)
        if days and now.weekday() not in days:
            return False
        if start is None or end is None:
            return True
        clock = now.time()
        return start <= clock < end if start < end else clock >= start or clock < end

    return holds


def _on_days(calendar: OnDays) -> Holds:
    zone = ZoneInfo(calendar.zone)

    def holds(action: Action, facts: Facts) -> bool:
        day = _local(facts.now, zone).date()
        if day in calendar.dates or (day.month, day.day) in calendar.yearly:
            return True
        return any(first <= day <= last for first, last in calendar.spans)

    return holds


def _local(now: datetime, zone: ZoneInfo) -> datetime:
    if now.tzinfo is None:
        raise Doubt("the time of the decision has no zone")
    return now.astimezone(zone)


# ── the past ────────────────────────────────────────────────────────────────────────────────────────────────


def _so_far(subject: Budget | Rate, scope: str) -> Callable[[Action, Facts], object]:
    """The sum or the number in the window, with this action in it."""
    tally = tallying(subject, scope)
    sums = isinstance(subject, Budget)

    def fetch(action: Action, facts: Facts) -> object:
        asked = tally(action, facts)
        now = past(asked, facts).with_one_of(asked.amount)
        return now.total if sums else now.count

    return fetch


def _novel(condition: Novel, scope: str) -> Holds:
    tally = tallying(condition, scope)
    return lambda action, facts: past(tally(action, facts), facts).count == 0
