"""The nearest change that would alter the level: one value moved to the edge of a condition, and decided on again.

Nothing is said that was not tried: each candidate goes through `Policy.decide`. What only puts a rule in doubt is no
answer, nor is what would need a look at a past that is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, cast

from ...protocol import Action, Json, Ruling, has_mask
from ..rules import (
    Argument,
    Budget,
    During,
    Facts,
    Leaf,
    Novel,
    Number,
    OnDays,
    Op,
    Rate,
    Test,
    Where,
    as_json,
    in_words,
    leaves,
    subject_in_words,
)
from .boundaries import SECOND, around, as_number, distance, is_finer, limits, moments, others
from .decide import Policy
from .fetching import MISSING
from .moving import Movable, Scene, movable, movable_past
from .rulings import strictness
from .tallying import scope_of

MOST_TRIED: Final = 2_000
"""Changes that are decided on for one action; who has more conditions is told that not all were tried."""

_DAY: Final = timedelta(days=1)
_PATTERNS: Final = (Op.MATCHES, Op.FINDS)


@dataclass(frozen=True, slots=True)
class Change:
    """One value that would have to be another, and the ruling then.

    `there` is False where there is no value now, `stays` False where it would have to be taken away. `distance` goes
    from 0 to 1 (`boundaries.distance`; of times as part of a day). `rule` is whose condition has its edge there.
    """

    what: str
    value: Json
    there: bool
    to: Json
    stays: bool
    distance: float
    rule: str
    condition: str
    ruling: Ruling
    changed: Scene | None = field(default=None, repr=False, compare=False)
    """What was decided on; None where that was another process."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The nearest change of each value that has one, the nearest of all first; and what could not be tried."""

    found: tuple[Change, ...] = ()
    untried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    what: str
    value: object
    to: object
    away: tuple[float, Number]
    rule: str
    condition: str
    scene: Scene
    odd: bool = False
    """A number of more places than those that it was made from: tried when no other helps."""


def changes(policy: Policy, action: Action, facts: Facts, ruling: Ruling) -> Changes:
    """The single values that would have to be others for another level, nearest first. Never raises."""
    search = _Search(policy, action, facts)
    candidates = sorted(search.candidates(), key=lambda each: (each.odd, each.away))
    found: dict[str, Change] = {}
    for tried, each in enumerate(candidates):
        if tried >= MOST_TRIED:
            search.untried[f"more than {MOST_TRIED:,} values at the edges of conditions"] = None
            break
        if each.what in found:
            continue
        then = policy.decide(each.scene[0], facts=each.scene[1])
        if strictness(then) != strictness(ruling) and search.is_sure(each, then):
            found[each.what] = _change(each, then)
    return Changes(tuple(sorted(found.values(), key=lambda each: each.distance)), tuple(search.untried))


def _change(tried: _Candidate, then: Ruling) -> Change:
    there, stays = tried.value is not MISSING, tried.to is not MISSING
    return Change(
        what=tried.what,
        value=as_json(tried.value) if there else None,
        there=there,
        to=as_json(tried.to) if stays else None,
        stays=stays,
        distance=tried.away[0],
        rule=tried.rule,
        condition=tried.condition,
        ruling=then,
        changed=tried.scene,
    )


@dataclass(frozen=True, slots=True)
class _Bound:
    """A number at which the condition of a rule changes."""

    at: Number
    rule: str
    condition: str


class _Search:
    """Everything that could be tried for one action."""

    def __init__(self, policy: Policy, action: Action, facts: Facts) -> None:
        self.untried: dict[str, None] = {}
        self._action, self._facts = action, facts
        self._entries = {entry.rule.id: entry for entry in policy.plan(action, facts).entries}
        self._bounds: dict[str, tuple[Movable, list[_Bound]]] = {}

    def is_sure(self, tried: _Candidate, then: Ruling) -> bool:
        """Whether a ruling stands on what is known, and not on a doubt that the change itself has made."""
        entry = self._entries.get(then.rule)
        if entry is None or entry.holds is None:
            return True
        try:
            return entry.holds(*tried.scene)
        except Exception:
            if entry.tallies:
                self.untried[f"{tried.what} with another past, which is not known"] = None
            return False

    def candidates(self) -> Iterator[_Candidate]:
        for entry in self._entries.values():
            for leaf in () if entry.rule.when is None else leaves(entry.rule.when):
                yield from self._of(leaf, entry.rule.id, scope_of(entry.rule.match))
        for place, bounds in self._bounds.values():
            yield from _numbers(place, bounds)

    def _of(self, leaf: Leaf, rule: str, scope: str) -> Iterator[_Candidate]:
        words = in_words(leaf)
        match leaf:
            case During() | OnDays():
                yield from self._times(leaf, rule, words)
            case Novel():
                yield from self._firsts(leaf, rule, words, scope)
            case _:
                yield from self._where(leaf, rule, words, scope)

    def _where(self, leaf: Where, rule: str, words: str, scope: str) -> Iterator[_Candidate]:
        if isinstance(leaf.subject, Budget | Rate):
            self._limit_past(leaf.subject, scope, [_Bound(each, rule, words) for each in limits(leaf.tests)])
        else:
            yield from self._values(movable(leaf.subject, self._action, self._facts), leaf.tests, rule, words)

    def _values(self, place: Movable, tests: tuple[Test, ...], rule: str, words: str) -> Iterator[_Candidate]:
        if place.now is not MISSING and has_mask(place.now):
            self.untried[f"{place.what}, which is secret"] = None
            return
        if any(test.op in _PATTERNS for test in tests):
            self.untried[f"{place.what} against a regular expression"] = None
        self._limit(place, [_Bound(each, rule, words) for each in limits(tests)])
        found = [*others(tests, place.now), *([MISSING] if any(test.op is Op.EXISTS for test in tests) else [])]
        yield from (made for to in found if (made := _candidate(place, to, rule, words)))

    def _times(self, leaf: During | OnDays, rule: str, words: str) -> Iterator[_Candidate]:
        now = self._facts.now
        if now.tzinfo is None:
            return
        with suppress(OverflowError):  # beyond the first and the last year
            for moment in moments(leaf, now):
                apart = abs(moment - now)
                away = (apart / (apart + _DAY), int(apart / SECOND))
                scene = self._action, replace(self._facts, now=moment)
                yield _Candidate("the time", now.isoformat(), moment.isoformat(), away, rule, words, scene)

    def _firsts(self, leaf: Novel, rule: str, words: str, scope: str) -> Iterator[_Candidate]:
        place = movable_past(leaf, scope, self._action, self._facts)
        if place is not None:
            yield from (made for to in (0, 1) if (made := _candidate(place, to, rule, words)))

    def _limit_past(self, subject: Budget | Rate, scope: str, bounds: list[_Bound]) -> None:
        """What is left of a budget or a rate; a budget is also reached by the amount of this action."""
        place = movable_past(subject, scope, self._action, self._facts)
        if place is None:
            self.untried[f"{subject_in_words(subject)}, which is not known"] = None
            return
        self._limit(place, bounds)
        if isinstance(subject, Budget):
            amount = movable(Argument(subject.of), self._action, self._facts)
            before = Decimal(cast("Any", place.now)) - Decimal(as_number(amount.now) or 0)
            self._limit(amount, [replace(each, at=Decimal(each.at) - before) for each in bounds])

    def _limit(self, place: Movable, bounds: list[_Bound]) -> None:
        if bounds:
            self._bounds.setdefault(place.what, (place, []))[1].extend(bounds)


def _numbers(place: Movable, bounds: list[_Bound]) -> Iterator[_Candidate]:
    now, edges = None if place.now is MISSING else as_number(place.now), [bound.at for bound in bounds]
    for to in around(edges, now):
        near = min(bounds, key=lambda bound: abs(Decimal(bound.at) - Decimal(to)))
        if made := _candidate(place, as_json(Decimal(to)), near.rule, near.condition):
            yield replace(made, odd=is_finer(to, edges, now))


def _candidate(place: Movable, to: object, rule: str, condition: str) -> _Candidate | None:
    scene = place.at(to)
    if scene is None:
        return None
    return _Candidate(place.what, place.now, to, distance(place.now, to), rule, condition, scene)
