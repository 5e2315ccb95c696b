"""The plan for one shape of action: the rules that are about it, strictest first, ready to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from ...protocol import Action, Level, Ruling
from ..rules import Defaults, Doubt, Facts, Rule
from .compiled import Holds, all_of, compiled
from .matching import Elsewhere, Here, Index, Matcher, Shape
from .rulings import default_ruling, doubtful, ruling_of, strictness
from .tallying import Tallying, scope_of, tallies

MOST_RULES: Final = 100_000
"""Rules that one policy may have; the order of precedence is packed into one number."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule in a plan.

    `merit` is its place in the order of precedence when it holds, `most` the place when it cannot be checked (if
    that can happen); no two entries of a plan share one. `tallies` are what its condition asks of the past.
    """

    rule: Rule
    ruling: Ruling
    holds: Holds | None
    merit: int
    most: int
    doubt_floor: int
    tallies: tuple[Tallying, ...] = ()

    def doubtful(self, exc: Exception) -> Ruling:
        return doubtful(self.rule, self.ruling, self.doubt_floor, exc)


@dataclass(frozen=True, slots=True)
class Aside:
    """One rule that is about other actions: `key` is the first part of its match that does not fit."""

    rule: Rule
    key: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Entries by the most they can come to, the ruling for when none holds, and what they ask of the past."""

    entries: tuple[Entry, ...]
    fallback: Ruling
    tallies: tuple[Tallying, ...]

    def ruling(self, action: Action, facts: Facts) -> Ruling:
        """The ruling with the greatest merit: deny, then the stricter level, then the first in the file."""
        best, merit = self.fallback, -MOST_RULES
        for entry in self.entries:
            if entry.most < merit:
                break
            try:
                holds = entry.holds is None or entry.holds(action, facts)
            except Exception as exc:
                return entry.doubtful(exc)
            if holds and entry.merit > merit:
                best, merit = entry.ruling, entry.merit
        return best


class Setting:
    """The defaults of one environment, and what rules come to under them."""

    def __init__(self, defaults: Defaults, version: str) -> None:
        self.defaults, self.version = defaults, version
        self.doubt_floor = max(Level.CONFIRM.rank, defaults.level.rank)
        self.fallbacks = [default_ruling(defaults, version, reversible=known) for known in (False, True)]

    def rulings(self, rule: Rule) -> list[Ruling]:
        """What `rule` says about actions that are not, and that are, known to be reversible."""
        return [ruling_of(rule, self.defaults, self.version, reversible=known) for known in (False, True)]


class Candidate:
    """One rule of a policy, compiled: whether it is about a shape, and its entry in that shape's plan."""

    def __init__(self, rule: Rule, order: int) -> None:
        self.rule = rule
        self.matches = Matcher(rule.match)
        self._order = order
        self._rulings: dict[Setting, list[Ruling]] = {}

    @cached_property
    def _scope(self) -> str:
        return scope_of(self.rule.match)

    @cached_property
    def _holds(self) -> Holds | None:
        return None if self.rule.when is None else compiled(self.rule.when, self._scope)

    @cached_property
    def _tallies(self) -> tuple[Tallying, ...]:
        return tuple(tallies(self.rule.when, self._scope))

    def entry(self, shape: Shape, here: Here, setting: Setting) -> Entry:
        """The rule as an entry for actions of this shape, which it is about."""
        ruling = self._ruling(setting, reversible=shape.reversible)
        held = strictness(ruling)
        merit = _merit(held, held, self._order)
        holds = self._with_unknown(here.unknown)
        most = merit if holds is None else _merit(max(held, setting.doubt_floor), held, self._order)
        return Entry(self.rule, ruling, holds, merit, most, setting.doubt_floor, self._tallies)

    def _ruling(self, setting: Setting, *, reversible: bool) -> Ruling:
        if setting not in self._rulings:
            self._rulings[setting] = setting.rulings(self.rule)
        return self._rulings[setting][reversible]

    def _with_unknown(self, unknown: tuple[str, ...]) -> Holds | None:
        if not unknown:
            return self._holds
        unsure = _raises(f"the {' and the '.join(unknown)} of this process is not known")
        return unsure if self._holds is None else all_of([unsure, self._holds])


class Planner:
    """Makes plans for a fixed list of rules. `overlays` are the defaults of environments that have their own."""

    def __init__(
        self, rules: tuple[Rule, ...], defaults: Defaults, version: str, overlays: Mapping[str, Defaults]
    ) -> None:
        self._candidates = [Candidate(rule, order) for order, rule in enumerate(rules)]
        self._index = Index(rule.match for rule in rules)
        self._settings = {name: Setting(own, version) for name, own in overlays.items()}
        self._elsewhere = Setting(defaults, version)
        strictest = max((defaults, *overlays.values()), key=lambda each: each.level.rank)
        self._unknown = Setting(replace(defaults, level=strictest.level), version)

    def setting(self, environment: str | None) -> Setting:
        """What holds in an environment. Where it is not known, no default falls silent: the strictest level holds."""
        return self._settings.get(environment, self._elsewhere) if environment else self._unknown

    def every(self, shape: Shape) -> Iterator[Entry | Aside]:
        """Each rule in file order: its entry in the plan, or why it has none."""
        for candidate in self._candidates:
            here = candidate.matches(shape)
            if isinstance(here, Elsewhere):
                yield Aside(candidate.rule, here.key)
            else:
                yield candidate.entry(shape, here, self.setting(shape.environment))

    def plan(self, shape: Shape) -> Plan:
        entries, setting = [], self.setting(shape.environment)
        for number in self._index.candidates(shape):
            candidate = self._candidates[number]
            here = candidate.matches(shape)
            if not isinstance(here, Elsewhere):
                entries.append(candidate.entry(shape, here, setting))
        entries.sort(key=lambda entry: -entry.most)
        asked = tuple(each for entry in entries for each in entry.tallies)
        return Plan(tuple(entries), setting.fallbacks[shape.reversible], asked)


def _merit(strict: int, held: int, order: int) -> int:
    """Strictness first; then a rule that is itself this strict before one in doubt; then the order."""
    return (strict * 8 + held) * MOST_RULES - order


def _raises(problem: str) -> Holds:
    def holds(action: object, facts: Facts) -> bool:
        raise Doubt(problem)

    return holds
