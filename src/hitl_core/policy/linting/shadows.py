"""Rules that can never decide: what they are about does not exist, or another rule always decides there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..checking import below
from ..deciding import Index, Shape, names_fit, ruling_of, scope_of, strictness
from ..rules import Defaults, Glob, Match, Names, Rule
from .implying import dead_parts, implies
from .remarks import Kind, Remark

_VERSION = "check"
_CLASSES = {None: (False, True), False: (False,), True: (True,)}


def dead(rules: Sequence[Rule]) -> Iterator[Remark]:
    """Rules and parts of their conditions that nothing can fit."""
    for place, rule in enumerate(rules):
        if rule.match.environment and set(rule.match.environment) <= set(rule.match.outside):
            yield Remark(Kind.DEAD, place, ("match",), "holds in no environment: those that it names leave it out")
        if rule.when is not None:
            for path, why in below(("when",), dead_parts(rule.when)):
                yield Remark(Kind.DEAD, place, path, why)


def shadowed(rules: Sequence[Rule]) -> Iterator[Remark]:
    """Rules that never decide because another one always does where they hold."""
    covering = _Covering(rules)
    for place, rule in enumerate(rules):
        by = next((other for other in covering.of(rule) if _always_wins(rules, other, place)), None)
        if by is not None:
            yield _said(rules, place, by)


def _said(rules: Sequence[Rule], place: int, by: int) -> Remark:
    rule, other = rules[place], rules[by]
    mine, theirs = _effect(rule), _effect(other)
    if _within(other, rule) and mine != theirs:
        said = f"contradicts {other.id!r}: the same actions, {mine} here and {theirs} there; {other.id!r} always wins"
        return Remark(Kind.CONTRADICTORY, place, (), said)
    why = "is as strict and stands before it" if mine == theirs else f"is stricter ({theirs})"
    doubt = "; where its condition cannot be checked it still asks" if rule.when is not None else ""
    said = f"never decides: {other.id!r} is about everything that it is about, and {why}{doubt}"
    return Remark(Kind.SHADOWED, place, (), said)


def _effect(rule: Rule) -> str:
    return "deny" if rule.level is None else rule.level.value


def _always_wins(rules: Sequence[Rule], by: int, place: int) -> bool:
    rule, other = rules[place], rules[by]
    if by == place or not _within(rule, other):
        return False
    return all(_beats(other, rule, known, first=by < place) for known in _CLASSES[rule.match.reversible])


def _beats(other: Rule, rule: Rule, reversible: bool, *, first: bool) -> bool:
    mine, theirs = (strictness(ruling_of(each, Defaults(), _VERSION, reversible=reversible)) for each in (rule, other))
    return theirs > mine or (theirs == mine and first)


def _within(rule: Rule, other: Rule) -> bool:
    """Whether `other` holds wherever `rule` does."""
    same_past = scope_of(rule.match) == scope_of(other.match)
    return match_within(rule.match, other.match) and implies(rule.when, other.when, same_past=same_past)


class _Covering:
    """Finds the few rules that can be about everything that a rule is about."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._index = Index(rule.match for rule in rules)
        self._wide = [
            place
            for place, rule in enumerate(rules)
            if not rule.match.tool or any(isinstance(name, Glob) for name in rule.match.tool)
        ]

    def of(self, rule: Rule) -> list[int]:
        tool, agent = _first(rule.match.tool), _first(rule.match.agent)
        if tool is None:
            return self._wide
        return self._index.candidates(Shape(tool, agent, None, None, None, False, frozenset(rule.match.tags)))


def _first(names: Names) -> str | None:
    return next((name for name in names if isinstance(name, str)), None)


# ── matches ─────────────────────────────────────────────────────────────────────────────────────────────────


def match_within(one: Match, other: Match) -> bool:
    """Whether `other` is about everything that `one` is about."""
    names = all(
        _names_within(getattr(one, key), getattr(other, key)) for key in ("agent", "backend", "environment", "risk")
    )
    tools = _names_within(one.tool or (Glob("*"),), other.tool)
    tags = not other.tags or (bool(one.tags) and set(one.tags) <= set(other.tags))
    reversible = other.reversible in (None, one.reversible)
    left = set(other.outside) - set(one.outside)
    outside = not left or (bool(one.environment) and not any(names_fit(one.environment, name) for name in left))
    return names and tools and tags and reversible and outside


def _names_within(one: Names, other: Names) -> bool:
    return not other or (bool(one) and all(_name_within(name, other) for name in one))


def _name_within(name: str | Glob, others: Names) -> bool:
    if isinstance(name, str):
        return names_fit(others, name)
    # As a text of its own the pattern fits another one that has no `?`: a star takes whatever a star stands for.
    wide = tuple(each for each in others if isinstance(each, Glob) and "?" not in each.pattern)
    return name in others or (bool(wide) and names_fit(wide, name.pattern))
