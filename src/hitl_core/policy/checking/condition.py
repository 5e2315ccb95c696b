"""What is wrong with a condition: impossible windows, tests that mean nothing, paths that are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never
from zoneinfo import ZoneInfo

from ...protocol import Hours
from ..rules import (
    PER_WORDS,
    All,
    AnyOf,
    Budget,
    Condition,
    Confidence,
    During,
    Not,
    Novel,
    OnDays,
    Op,
    Rate,
    Test,
    Where,
    duration_problem,
)
from .faults import Problem, below, unknown
from .operands import DEEPEST, NUMERIC, problems_of_tests


def condition_problems(condition: Condition, depth: int = 0) -> Iterator[Problem]:
    """Everything that is wrong with a condition, with key paths inside it."""
    if depth > DEEPEST:
        yield (), f"is nested deeper than {DEEPEST} levels"
        return
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            key = "all" if isinstance(condition, All) else "any"
            if not parts:
                yield (key,), "has no conditions in it"
            for index, part in enumerate(parts):
                yield from below((key, index), condition_problems(part, depth + 1))
        case Not(condition=inner):
            yield from below(("not",), condition_problems(inner, depth + 1))
        case During():
            yield from below(("time",), _time_problems(condition))
        case OnDays():
            yield from below(("calendar",), days_problems(condition))
        case Novel():
            yield from below(("novel",), _past_problems(condition))
        case Where():
            yield from _where_problems(condition)
        case _:
            assert_never(condition)


def _where_problems(where: Where) -> Iterator[Problem]:
    if isinstance(where.subject, Confidence):
        yield from below(("confidence",), problems_of_tests(where.tests))
        yield from below(("confidence",), _confidence_problems(where))
        return
    if isinstance(where.subject, Budget | Rate):
        head = "budget" if isinstance(where.subject, Budget) else "rate"
        yield from below((head,), _past_problems(where.subject))
        yield from below((head,), _only_numbers(where.tests))
        return
    if not where.subject.path or not all(where.subject.path):
        yield (), f"{where.subject} is no path; write it like customer.country"
    yield from problems_of_tests(where.tests)


def _past_problems(subject: Budget | Rate | Novel) -> Iterator[Problem]:
    """What is wrong with a look at the past, apart from its tests."""
    if not isinstance(subject, Rate) and (not subject.of or not all(subject.of)):
        yield ("argument",), "is no path; write it like amount or customer.id"
    if subject.within is not None and (problem := duration_problem(subject.within)):
        yield ("within",), problem
    for index, each in enumerate(subject.per):
        if isinstance(each, str) and each not in PER_WORDS:
            yield ("per", index), unknown(each, PER_WORDS, what="value")
        elif not isinstance(each, str) and (not each.path or not all(each.path)):
            yield ("per", index), f"{each} is no path; write it like customer.id"
    if len(set(subject.per)) < len(subject.per):
        yield ("per",), "names the same thing twice"


def _only_numbers(tests: tuple[Test, ...]) -> Iterator[Problem]:
    yield from problems_of_tests(tests)
    for test in tests:
        if test.op not in NUMERIC:
            yield (test.op.value,), "cannot be asked of what adds up; use above, at_least, below or at_most"


def days_problems(calendar: OnDays) -> Iterator[Problem]:
    """What is wrong with a calendar."""
    if not (calendar.dates or calendar.spans or calendar.yearly):
        yield ("days",), "has no days in it"
    for first, last in calendar.spans:
        if first > last:
            yield ("days",), f"ends before it begins: {first} to {last}"
    if not _is_zone(calendar.zone):
        yield ("zone",), _no_zone(calendar.zone)


def hours_problems(hours: Hours) -> Iterator[Problem]:
    """What is wrong with working hours."""
    if (hours.opens is None) != (hours.closes is None):
        yield (), "needs both from and to"
    elif hours.opens is not None and hours.closes is not None and hours.opens >= hours.closes:
        yield ("to",), "must be later on the same day than from; for whole days leave both out"
    if not _is_zone(hours.zone):
        yield ("zone",), _no_zone(hours.zone)


def _is_zone(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _no_zone(zone: str) -> str:
    return f"this machine knows no time zone {zone!r}; write it like Europe/Berlin"


def _confidence_problems(where: Where) -> Iterator[Problem]:
    for test in where.tests:
        bound = test.operand
        if test.op not in NUMERIC | {Op.EXISTS}:
            yield (test.op.value,), "cannot be asked of a confidence; use above, at_least, below or at_most"
        elif test.op in NUMERIC and not list(problems_of_tests((test,))) and not 0 <= bound <= 1:  # type: ignore[operator]
            yield (test.op.value,), f"a confidence lies between 0 and 1, {bound} does not"


def _time_problems(window: During) -> Iterator[Problem]:
    if (window.start is None) != (window.end is None):
        yield (), "needs both from and to"
    elif window.start is None and not window.weekdays:
        yield (), "names neither hours (from, to) nor weekdays"
    elif window.start is not None and window.start == window.end:
        yield (), "starts and ends at the same minute; for the whole day leave from and to out"
    if not _is_zone(window.zone):
        yield ("zone",), _no_zone(window.zone)
