"""Conditions in words, for people who ask why: one line for each thing that is looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, assert_never

from .conditions import (
    All,
    AnyOf,
    Budget,
    Condition,
    During,
    Not,
    Novel,
    OnDays,
    Per,
    Rate,
    Subject,
    Test,
    Where,
)
from .durations import written

Leaf = Where | During | OnDays | Novel
"""A condition that looks at one thing."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def leaves(condition: Condition) -> Iterator[Leaf]:
    """What a condition looks at, in the order in which it is written."""
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            for part in parts:
                yield from leaves(part)
        case Not(condition=inner):
            yield from leaves(inner)
        case _:
            yield condition


def in_words(leaf: Leaf) -> str:
    """`argument 'amount' above 500`"""
    match leaf:
        case Where(subject=subject, tests=tests):
            return f"{subject_in_words(subject)} {_tests(tests)}"
        case During():
            return _window(leaf)
        case OnDays(name=name, zone=zone):
            return f"the day is one of {name!r} ({zone})"
        case Novel(of=path, within=within, per=per):
            return f"the first time with argument {'.'.join(path)!r}{_within(within)}{_per(per)}"
    assert_never(leaf)


def subject_in_words(subject: Subject) -> str:
    """What a test looks at."""
    match subject:
        case Budget(of=path, within=within, per=per):
            return f"the sum of argument {'.'.join(path)!r}{_within(within)}{_per(per)}"
        case Rate(within=within, per=per):
            return f"the number of actions{_within(within)}{_per(per)}"
        case _:
            return str(subject)


def said(value: object) -> str:
    """A value of a policy as JSON; fractions as they are written."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)


def _tests(tests: tuple[Test, ...]) -> str:
    return " and ".join(f"{test.op.replace('_', ' ')} {_operand(test.operand)}" for test in tests)


def _operand(operand: Any) -> str:
    if isinstance(operand, tuple) and operand and isinstance(operand[0], Test):
        return f"({_tests(operand)})"
    return said(operand)


def _window(window: During) -> str:
    hours = "" if window.start is None else f" from {window.start:%H:%M} to {window.end:%H:%M}"
    days = f" on {', '.join(_DAYS[day] for day in window.weekdays)}" if window.weekdays else ""
    return f"the time is{hours}{days} ({window.zone})"


def _within(within: timedelta | None) -> str:
    return " ever" if within is None else f" within {written(within)}"


def _per(per: Per) -> str:
    return f" per {', '.join(map(str, per))}" if per else ""
