"""Conditions as records: a tree of `All`, `AnyOf` and `Not` over tests of values and windows of time.

    argument("amount", at_most=50)                      the refund is small
    argument("to", every={"ends_with": "@example.com"}) nobody outside gets it
    All((argument("amount", at_most=50), confidence(at_least=0.8)))

They are data: they can be printed, compared and explained. `deciding/compiled.py` turns them into functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from .values import Type

Path = tuple[str, ...]
Operand = object
"""What a test compares with: JSON (fractions as Decimal), or inner tests for `every`, `some`, `length`."""


class Op(StrEnum):
    """The tests there are. What they mean and take: `checking/operands.py`, `deciding/compiled.py`."""

    EXISTS = "exists"
    TYPE = "type"
    EQUALS = "equals"
    ONE_OF = "one_of"
    ABOVE = "above"
    AT_LEAST = "at_least"
    BELOW = "below"
    AT_MOST = "at_most"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    MATCHES = "matches"
    FINDS = "finds"
    HAS_ITEM = "has_item"
    EVERY = "every"
    SOME = "some"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Test:
    """One test of one value."""

    __test__ = False  # pytest: not a test class

    op: Op
    operand: Operand


@dataclass(frozen=True, slots=True)
class Argument:
    """A value in the action's arguments, by its path."""

    path: Path

    def __str__(self) -> str:
        return f"argument {'.'.join(self.path)!r}"


@dataclass(frozen=True, slots=True)
class ContextValue:
    """A value in the facts' free context, by its path."""

    path: Path

    def __str__(self) -> str:
        return f"context {'.'.join(self.path)!r}"


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the agent says it is, from 0 to 1."""

    def __str__(self) -> str:
        return "the confidence"


PER_WORDS: Final = ("run", "agent", "tool", "user")
"""What history can be kept apart by, besides values of arguments and of the context."""

Per = tuple[str | Argument | ContextValue, ...]
"""What history is kept apart by; empty means everything that the rule is about, together."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The sum of an argument over the actions that the rule is about and that began `within` this time, this one too.

    Amounts count as they are when an action begins, whatever becomes of it.
    """

    of: Path
    within: timedelta
    per: Per = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """How many actions that the rule is about began `within` this time, this one too."""

    within: timedelta
    per: Per = ()


Subject = Argument | ContextValue | Confidence | Budget | Rate


@dataclass(frozen=True, slots=True)
class Where:
    """All `tests` hold for the value at `subject`."""

    subject: Subject
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class During:
    """The moment of the decision lies in this window of the clock in `zone` (IANA name), on these weekdays.

    `start` counts, `end` does not. A window may pass midnight; the weekday is that of the moment itself.
    Weekdays are 0 for Monday … 6 for Sunday; empty means every day.
    """

    start: time | None = None
    end: time | None = None
    zone: str = "UTC"
    weekdays: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OnDays:
    """The day of the decision in `zone` is one of these: dates, spans of dates (both ends count), days of every year
    (month, day). `name` is the calendar's, for people.
    """

    name: str
    zone: str = "UTC"
    dates: frozenset[date] = frozenset()
    spans: tuple[tuple[date, date], ...] = ()
    yearly: frozenset[tuple[int, int]] = frozenset()

    def __repr__(self) -> str:
        # A set has another order in each process, and the digest of a policy is that of how its rules are written.
        return (
            f"OnDays(name={self.name!r}, zone={self.zone!r}, dates={sorted(self.dates)!r}, spans={self.spans!r}, "
            f"yearly={sorted(self.yearly)!r})"
        )


@dataclass(frozen=True, slots=True)
class Novel:
    """No action that the rule is about has begun with this value before (`within` that time; None: ever)."""

    of: Path
    within: timedelta | None = None
    per: Per = ()


@dataclass(frozen=True, slots=True)
class All:
    """Every one of the conditions holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: Condition


Condition = Where | During | OnDays | Novel | All | AnyOf | Not


# ── the same words as in the file, for policies written in Python ───────────────────────────────────────────


def argument(path: str, **tests: Operand) -> Where:
    """A condition on an argument: `argument("customer.country", one_of=["DE", "FR"])`."""
    return Where(Argument(split(path)), tests_of(tests))


def context(path: str, **tests: Operand) -> Where:
    """A condition on the context."""
    return Where(ContextValue(split(path)), tests_of(tests))


def confidence(**tests: Operand) -> Where:
    """A condition on the agent's confidence: `confidence(at_least=0.8)`."""
    return Where(Confidence(), tests_of(tests))


def budget(path: str, *, within: timedelta, per: Per = (), **tests: Operand) -> Where:
    """A condition on a sum in a sliding window: `budget("amount", within=timedelta(days=1), above=500)`."""
    return Where(Budget(split(path), within, per), tests_of(tests))


def rate(*, within: timedelta, per: Per = (), **tests: Operand) -> Where:
    """A condition on a number of actions in a sliding window: `rate(within=timedelta(hours=1), above=10)`."""
    return Where(Rate(within, per), tests_of(tests))


def split(path: str) -> Path:
    """`customer.country` → `("customer", "country")`. A key that has a dot needs a path made by hand."""
    return tuple(path.split("."))


def tests_of(tests: Mapping[str, Operand]) -> tuple[Test, ...]:
    """Tests by name → records. Raises ValueError for a name that is no test."""
    return tuple(Test(op := Op(name), _operand(op, value)) for name, value in tests.items())


def _operand(op: Op, value: Operand) -> Operand:
    if op in (Op.EVERY, Op.SOME, Op.LENGTH) and isinstance(value, Mapping):
        return tests_of(value)
    if op is Op.TYPE and isinstance(value, str) and value in tuple(Type):
        return Type(value)
    return plain(value)


def plain(value: Operand) -> Operand:
    """Lists as tuples and floats as the decimals they are written as, so that records are values."""
    match value:
        case float():
            return Decimal(repr(value))
        case list() | tuple():
            return tuple(map(plain, value))
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
        case _:
            return value
