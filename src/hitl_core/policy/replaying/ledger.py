"""What began before, replayed in the order of time: answers the questions of a policy as a store does."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final

from ...protocol import Action
from ..deciding import Policy
from ..rules import Facts, Past, Question, Situation, Tally

_UNIT: Final = Decimal(1).scaleb(-6)

Place = tuple[str, str]
"""Which call of which run."""


Counts = Callable[[datetime, str | None], bool]
"""Whether what began at that moment in that run counts."""


def _everything(at: datetime, run: str | None) -> bool:
    return True


@dataclass(slots=True)
class _Row:
    at: datetime
    amount: Decimal
    place: Place | None


@dataclass(slots=True)
class _Page:
    """One series under one key. What is older than every window is kept as a number and a sum."""

    rows: deque[_Row] = field(default_factory=deque)
    count: int = 0
    total: Decimal = Decimal(0)

    def fold(self, before: datetime) -> None:
        while self.rows and self.rows[0].at <= before:
            row = self.rows.popleft()
            self.count += 1
            self.total += row.amount


class Ledger:
    """Counts as `stores` do: what began, once for each call, amounts in millionths rounded up.

    Call by call it keeps what lies in the longest window of each series, and `at_least` this long; of what is older, a
    number and a sum for each key, for questions without a window.
    """

    def __init__(self, *, at_least: timedelta = timedelta(days=1)) -> None:
        self._pages: dict[tuple[str, str], _Page] = defaultdict(_Page)
        self._at_least = at_least
        self._longest: dict[str, timedelta] = {}

    def began(self, tallies: Iterable[Tally], at: datetime, *, place: Place | None = None) -> None:
        """Count an action. One that begins again at the same place counts from then on, once."""
        for series, key, amount in {(t.question.series, t.question.key, t.amount) for t in self._learn(tallies)}:
            page = self._pages[series, key]
            if place is not None:
                page.rows = deque(row for row in page.rows if row.place != place)
            page.rows.append(_Row(at, amount.quantize(_UNIT, ROUND_CEILING), place))

    def past(
        self, question: Question, now: datetime, *, place: Place | None = None, counts: Counts = _everything
    ) -> Past:
        """The answer to one question; what began at `place` itself is left out."""
        page = self._pages.get((question.series, question.key))
        if page is None:
            return Past()
        page.fold(now - self._longest[question.series])
        others = (row for row in page.rows if place is None or row.place != place)
        mine = [row for row in others if counts(row.at, row.place and row.place[0])]
        if question.within is None:
            return Past(len(mine) + page.count, sum((row.amount for row in mine), page.total))
        rows = [row for row in mine if row.at > now - question.within]
        return Past(len(rows), sum((row.amount for row in rows), Decimal(0)))

    def facts(
        self,
        policy: Policy,
        action: Action,
        facts: Facts,
        *,
        place: Place | None = None,
        counts: Counts = _everything,
    ) -> Facts:
        """The facts with the answers to all that the policy asks about this action."""
        asked = self._learn(policy.asks(action, facts=facts))
        history = {each.question: self.past(each.question, facts.now, place=place, counts=counts) for each in asked}
        return replace(facts, history=history)

    def _learn(self, tallies: Iterable[Tally]) -> list[Tally]:
        """Remember the longest window of each series: all rules that count in one are asked about together."""
        found = list(tallies)
        for question in (each.question for each in found):
            known = self._longest.get(question.series, self._at_least)
            self._longest[question.series] = max(known, question.within or timedelta())
        return found


def as_of(policy: Policy, situation: Situation) -> Facts:
    """The facts of a situation with what began before it."""
    ledger = Ledger()
    for action, facts in situation.before:
        ledger.began(policy.asks(action, facts=facts), facts.now)
    return ledger.facts(policy, situation.action, situation.facts)
