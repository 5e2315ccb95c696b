"""The plan for one shape of action: the rules that are about it, strictest first, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...protocol import Action, Level, Ruling
from ..rules import Defaults, Doubt, Facts, Rule
from .compiled import Holds, all_of, compiled
from .matching import Elsewhere, Here, Matcher, Shape, ToolIndex
from .rulings import default_ruling, doubtful, ruling_of, strictness

MOST_RULES: Final = 100_000
"""Rules that one policy may have; the order of precedence is packed into one number."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule in a plan.

    `merit` is its place in the order of precedence when it holds, `most` the place when it cannot be checked (if
    that can happen); no two entries of a plan share one.
    """

    rule: Rule
    ruling: Ruling
    holds: Holds | None
    merit: int
    most: int
    doubt_floor: int

    def doubtful(self, exc: Exception) -> Ruling:
        return doubtful(self.rule, self.ruling, self.doubt_floor, exc)


@dataclass(frozen=True, slots=True)
class Plan:
    """Entries by the most they can come to, and the ruling for when none holds."""

    entries: tuple[Entry, ...]
    fallback: Ruling

    def ruling(self, action: Action, facts: Facts) -> Ruling:
        """The ruling with the greatest merit: deny, then the stricter level, then the first in the file."""
        best, merit = self.fallback, -MOST_RULES
        for entry in self.entries:
            if entry.most < merit:
                break
            try:
                holds = entry.holds is None or entry.holds(action.arguments, facts)
            except Exception as exc:
                return entry.doubtful(exc)
            if holds and entry.merit > merit:
                best, merit = entry.ruling, entry.merit
        return best


class Candidate:
    """One rule of a policy, compiled: whether it is about a shape, and its entry in that shape's plan."""

    def __init__(self, rule: Rule, order: int, defaults: Defaults, version: str) -> None:
        self.rule = rule
        self.matches = Matcher(rule.match)
        self._order = order
        self._holds = compiled(rule.when) if rule.when is not None else None
        self._doubt_floor = max(Level.CONFIRM.rank, defaults.level.rank)
        self._rulings = [ruling_of(rule, defaults, version, reversible=known) for known in (False, True)]

    def entry(self, shape: Shape, here: Here) -> Entry:
        """The rule as an entry for actions of this shape, which it is about."""
        ruling = self._rulings[shape.reversible]
        held = strictness(ruling)
        merit = _merit(held, held, self._order)
        holds = self._with_unknown(here.unknown)
        most = merit if holds is None else _merit(max(held, self._doubt_floor), held, self._order)
        return Entry(self.rule, ruling, holds, merit, most, self._doubt_floor)

    def _with_unknown(self, unknown: tuple[str, ...]) -> Holds | None:
        if not unknown:
            return self._holds
        unsure = _raises(f"the {' and the '.join(unknown)} of this process is not known")
        return unsure if self._holds is None else all_of([unsure, self._holds])


class Planner:
    """Makes plans for a fixed list of rules."""

    def __init__(self, rules: tuple[Rule, ...], defaults: Defaults, version: str) -> None:
        self.candidates = [Candidate(rule, order, defaults, version) for order, rule in enumerate(rules)]
        self._index = ToolIndex(rule.match for rule in rules)
        self._fallbacks = [default_ruling(defaults, version, reversible=known) for known in (False, True)]

    def plan(self, shape: Shape) -> Plan:
        entries = []
        for number in self._index.candidates(shape.tool):
            candidate = self.candidates[number]
            here = candidate.matches(shape)
            if not isinstance(here, Elsewhere):
                entries.append(candidate.entry(shape, here))
        entries.sort(key=lambda entry: -entry.most)
        return Plan(tuple(entries), self._fallbacks[shape.reversible])


def _merit(strict: int, held: int, order: int) -> int:
    """Strictness first; then a rule that is itself this strict before one in doubt; then the order."""
    return (strict * 8 + held) * MOST_RULES - order


def _raises(problem: str) -> Holds:
    def holds(arguments: object, facts: Facts) -> bool:
        raise Doubt(problem)

    return holds
