"""What a rule asks of the past: how much was spent, how often, whether ever before. Records only; a store answers.

rule ─► Tally (a question and what this action adds to it) ─► store: Past ─► Facts.history ─► the condition
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Question:
    """What happened in `series` under `key`, in the time `within` before now (None: ever).

    A series is what one kind of condition counts: the actions that its rule's `match` is about. Both are digests.
    """

    series: str
    key: str
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The answer: how many actions have begun, and the sum of their amounts."""

    count: int = 0
    total: Decimal = Decimal(0)

    def exceeds(self, known: Past) -> bool:
        """Whether more has happened than what was known when somebody decided."""
        return self.count > known.count or self.total > known.total

    def with_one_of(self, amount: Decimal) -> Past:
        """The past after one more action."""
        return Past(self.count + 1, self.total + amount)


@dataclass(frozen=True, slots=True)
class Tally:
    """A question, and what the action that is decided on adds to its answer once it begins."""

    question: Question
    amount: Decimal = Decimal(0)


LARGEST_AMOUNT: Final = 10**9
"""The largest amount of one action that a budget adds up; a larger one asks."""
