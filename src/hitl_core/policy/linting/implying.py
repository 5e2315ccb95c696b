"""Whether one condition holds wherever another does, and whether one can hold at all. What is not sure is no."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from ...protocol import Action
from ..checking import KeyPath
from ..deciding import compiled, passes_all
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
    Number,
    Op,
    Rate,
    Subject,
    Test,
    Type,
    Where,
    number,
)

_LOWS: Final = (Op.ABOVE, Op.AT_LEAST)
_HIGHS: Final = (Op.BELOW, Op.AT_MOST)
_DECISIVE: Final = (Op.EQUALS, Op.ONE_OF)
_KINDS: Final = {
    Type.NUMBER: (*_LOWS, *_HIGHS),
    Type.TEXT: (Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS, Op.MATCHES, Op.FINDS),
    Type.LIST: (Op.HAS_ITEM, Op.EVERY, Op.SOME),
}

Tests = tuple[Test, ...]


# ── one condition and another ───────────────────────────────────────────────────────────────────────────────


def implies(one: Condition | None, other: Condition | None, *, same_past: bool) -> bool:
    """Whether `other` is sure to hold where `one` holds. `same_past`: their rules count the same actions."""
    if isinstance(one, All) and len(one.conditions) == 1:
        return implies(one.conditions[0], other, same_past=same_past)
    if other is None or one == other:
        return other is None or same_past or not _looks_back(other)
    if one is None:
        return False
    if isinstance(other, All):
        return all(implies(one, part, same_past=same_past) for part in other.conditions)
    if isinstance(one, AnyOf):
        return all(implies(part, other, same_past=same_past) for part in one.conditions)
    if isinstance(other, AnyOf) and any(implies(one, part, same_past=same_past) for part in other.conditions):
        return True
    if isinstance(one, Not) and isinstance(other, Not):
        # What cannot be checked is neither so nor not so, and follows from nothing.
        sure = _always_checked(other.condition) or _checked_with(one.condition, other.condition)
        return sure and implies(other.condition, one.condition, same_past=same_past)
    parts = list(_parts(one))
    if len(parts) > 1 and any(implies(part, other, same_past=same_past) for part in parts):
        return True
    return _one_implies(parts, other, same_past=same_past)


def _one_implies(parts: list[Condition], other: Condition, *, same_past: bool) -> bool:
    if isinstance(other, During):
        return any(isinstance(part, During) and _lies_in(part, other) for part in parts)
    if not isinstance(other, Where) or (_looks_back(other) and not same_past):
        return False
    tests = _tests_on(other.subject, parts)
    return bool(tests) and all(_leaves_no_other(tests, test) for test in other.tests)


def _looks_back(condition: Condition) -> bool:
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            return any(map(_looks_back, parts))
        case Not(condition=inner):
            return _looks_back(inner)
        case Where(subject=subject):
            return isinstance(subject, Budget | Rate)
        case _:
            return hasattr(condition, "of")


def _always_checked(condition: Condition) -> bool:
    """Whether no action leaves it in doubt: it looks at nothing but what is there."""
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            return all(map(_always_checked, parts))
        case Not(condition=inner):
            return _always_checked(inner)
        case Where(subject=Argument() | ContextValue(), tests=tests):
            return all(test.op is Op.EXISTS for test in tests)
        case _:
            return False


def _checked_with(one: Condition, other: Condition) -> bool:
    """Whether `other` can be checked wherever `one` can: both look at one value, and as one type."""
    if not (isinstance(one, Where) and isinstance(other, Where) and one.subject == other.subject):
        return False
    mine, its = {test.op for test in one.tests}, {test.op for test in other.tests}
    return any(mine <= set(ops) and its <= {*ops, *_DECISIVE} for ops in _KINDS.values())


def _parts(condition: Condition) -> Iterator[Condition]:
    """What all has to hold for it to hold."""
    if isinstance(condition, All):
        for part in condition.conditions:
            yield from _parts(part)
    else:
        yield condition


def _tests_on(subject: Subject, parts: list[Condition]) -> Tests:
    found = (part.tests for part in parts if isinstance(part, Where) and part.subject == subject)
    return tuple(test for tests in found for test in tests)


def _leaves_no_other(tests: Tests, test: Test) -> bool:
    """Whether what passes `tests` passes this one too."""
    if test in tests:
        return True
    values = _values(tests)
    if values is not None:
        return all(_passes((test,), value) for value in values)
    if test.op is Op.EXISTS:
        return test.operand is True and not any(each.op is Op.EXISTS and each.operand is False for each in tests)
    if test.op in _LOWS or test.op in _HIGHS:
        return _bounded(tests, test)
    if test.op is Op.TYPE:
        return kinds_of(tests) == {test.operand}
    if test.op in (Op.STARTS_WITH, Op.ENDS_WITH):
        mine = [each.operand for each in tests if each.op is test.op]
        return any(all(_passes((test,), part) for part in _texts(operand)) for operand in mine)
    return False


def _bounded(tests: Tests, test: Test) -> bool:
    limit, mine = number(test.operand), [each for each in tests if each.op in _LOWS + _HIGHS]
    low = test.op in _LOWS
    for each in (each for each in mine if (each.op in _LOWS) is low):
        bound = number(each.operand)
        strict = each.op in (Op.ABOVE, Op.BELOW) or test.op in (Op.AT_LEAST, Op.AT_MOST)
        if (bound > limit if low else bound < limit) or (bound == limit and strict):
            return True
    return False


# ── can it hold at all ──────────────────────────────────────────────────────────────────────────────────────


def dead_parts(condition: Condition) -> Iterator[tuple[KeyPath, str]]:
    """The parts that can never hold, each with its place and why."""
    if why := contradiction(condition):
        yield (), f"can never hold: {why}"
        return
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            key = "all" if isinstance(condition, All) else "any"
            for place, part in enumerate(parts):
                yield from (((key, place, *path), why) for path, why in dead_parts(part))
        case Not(condition=inner):
            yield from ((("not", *path), why) for path, why in dead_parts(inner))
        case _:
            return


def contradiction(condition: Condition) -> str:
    """Why a condition can never hold; "" if it may."""
    parts = list(_parts(condition))
    for subject in dict.fromkeys(part.subject for part in parts if isinstance(part, Where)):
        if why := _no_value(subject, _tests_on(subject, parts)):
            return f"{subject_name(subject)} {why}"
    for part in parts:
        others = All(tuple(each for each in parts if each is not part))
        if isinstance(part, Not) and others.conditions and implies(others, part.condition, same_past=True):
            return "one part asks for what another one rules out"
        if isinstance(part, AnyOf) and all(contradiction(each) for each in part.conditions):
            return "none of what one of its parts allows can hold"
    windows = [part for part in parts if isinstance(part, During)]
    for place, window in enumerate(windows):
        if any(not _meet(window, other) for other in windows[:place]):
            return "no moment lies in both windows of time"
    return ""


def subject_name(subject: Subject) -> str:
    return "the sum" if isinstance(subject, Budget) else "the number" if isinstance(subject, Rate) else str(subject)


def _no_value(subject: Subject, tests: Tests) -> str:
    exists = {test.operand for test in tests if test.op is Op.EXISTS}
    if False in exists and (True in exists or any(test.op is not Op.EXISTS for test in tests)):
        return "would have to be there and not to be there"
    values = _values(tests)
    if values is not None and not values:
        return "would have to be two values at once"
    if len(kinds := kinds_of(tests)) > 1:
        return f"would have to be {' and '.join(sorted(kinds))} at once"
    return _no_number(subject, tests)


def _no_number(subject: Subject, tests: Tests) -> str:
    lows = [(number(each.operand), each.op is Op.ABOVE) for each in tests if each.op in _LOWS]
    highs = [(number(each.operand), each.op is Op.BELOW) for each in tests if each.op in _HIGHS]
    if isinstance(subject, Confidence | Budget | Rate):
        lows.append((1 if isinstance(subject, Rate) else 0, False))
    if isinstance(subject, Confidence):
        highs.append((1, False))
    if not lows or not highs:
        return ""
    (low, above), (high, below) = max(lows), min(highs, key=lambda bound: (bound[0], not bound[1]))
    empty = low > high or (low == high and (above or below))
    return f"would have to be more than {_shown(low)} and less than {_shown(high)}" if empty else ""


def _shown(bound: Number) -> str:
    return f"{Decimal(bound):f}"


def kinds_of(tests: Tests) -> set[Type]:
    """The types that a value has to be of, all at once."""
    declared: set[Any] = {test.operand for test in tests if test.op is Op.TYPE}
    return declared | {kind for kind, ops in _KINDS.items() if any(test.op in ops for test in tests)}


def _values(tests: Tests) -> list[object] | None:
    """The values that pass, where tests leave only some; None where they leave any number of them."""
    decisive = [test for test in tests if test.op in _DECISIVE]
    if not decisive:
        return None
    members: Any = decisive[0].operand if decisive[0].op is Op.ONE_OF else (decisive[0].operand,)
    return [value for value in members if _passes(tests, value)]


def _passes(tests: Tests, value: object) -> bool:
    try:
        return passes_all(tests)(value)
    except Doubt:
        return False


def _texts(operand: object) -> tuple[Any, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


# ── windows of time ─────────────────────────────────────────────────────────────────────────────────────────

_MONDAY: Final = date(2024, 1, 1)
_NO_ACTION: Final = Action.model_construct(tool="", arguments={})


def _lies_in(one: During, other: During) -> bool:
    return one.zone == other.zone and all(_holds(other, now) for now in _edges(one, other) if _holds(one, now))


def _meet(one: During, other: During) -> bool:
    """Of windows in two zones nothing is said."""
    return one.zone != other.zone or any(_holds(one, now) and _holds(other, now) for now in _edges(one, other))


def _edges(*windows: During) -> Iterator[datetime]:
    """Every moment of a week at which one of them can begin or end to hold, as its own clock says it."""
    clocks = {time(), *(edge for each in windows for edge in (each.start, each.end) if edge is not None)}
    for day in range(7):
        yield from (datetime.combine(_MONDAY + timedelta(days=day), clock, UTC) for clock in clocks)


def _holds(window: During, now: datetime) -> bool:
    local = During(start=window.start, end=window.end, zone="UTC", weekdays=window.weekdays)
    return compiled(local)(_NO_ACTION, Facts(now=now))
