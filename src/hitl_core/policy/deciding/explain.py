"""Why an action got its ruling: what became of every rule. Slow and thorough; `decide` is the fast one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ...protocol import Action, Level, Ruling
from ..rules import Facts
from .decide import Policy
from .looking import Looked, looked_at, nearly
from .matching import Shape, key_of
from .nearest import Change, changes
from .plan import Aside, Entry
from .rulings import doubt_text, strictness
from .tallying import scope_of


class Fate(StrEnum):
    """What became of a rule."""

    WON = "won"
    OUTRANKED = "outranked"
    CONDITION_FALSE = "condition_false"
    NOT_ABOUT = "not_about"


@dataclass(frozen=True, slots=True)
class Weighed:
    """One rule and what became of it. `level` is what it asks for; None if it denies or does not apply."""

    rule: str
    fate: Fate
    because: str
    level: Level | None = None
    denies: bool = False
    doubt: str = ""
    """Why its condition has no certain answer, if that is so."""
    conditions: tuple[Looked, ...] = ()
    """What its condition looked at, if the rule is about the action."""
    nearly: bool = False
    """Whether its condition would hold if one part of it came out the other way."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The ruling and every rule of the policy, in file order. No winner: the default holds.

    `changes` are the single values that would have to be others for another level, nearest first; `untried` what could
    not be looked for there.
    """

    ruling: Ruling
    rules: tuple[Weighed, ...]
    changes: tuple[Change, ...] = ()
    untried: tuple[str, ...] = ()

    @property
    def winner(self) -> Weighed | None:
        return next((rule for rule in self.rules if rule.fate is Fate.WON), None)

    @property
    def matched(self) -> tuple[Weighed, ...]:
        """The rules that applied: the winner and those it outranked."""
        return tuple(rule for rule in self.rules if rule.fate in (Fate.WON, Fate.OUTRANKED))

    @property
    def nearest(self) -> Change | None:
        """The nearest change of one value that alters the level; None if no single value does."""
        return next(iter(self.changes), None)


def explain(policy: Policy, action: Action, *, facts: Facts) -> Explanation:
    """What `policy.decide` says about the action, and what became of each rule. Never raises, as `decide`."""
    ruling = policy.decide(action, facts=facts)
    try:
        shape = Shape(*key_of(action, facts))
        rules = tuple(_weigh(entry, action, facts, ruling) for entry in policy.entries(shape))
        found = changes(policy, action, facts, ruling)
        return Explanation(ruling, rules, found.found, found.untried)
    except Exception:  # the ruling says what is wrong
        return Explanation(ruling, ())


def _weigh(found: Entry | Aside, action: Action, facts: Facts, ruling: Ruling) -> Weighed:
    if isinstance(found, Aside):
        return Weighed(found.rule.id, Fate.NOT_ABOUT, f"its match.{found.key} does not fit this action")
    when, looked = found.rule.when, looked_at(found.rule.when, scope_of(found.rule.match), action, facts)
    weighed = _weigh_condition(found, action, facts, ruling)
    close = weighed.fate is Fate.CONDITION_FALSE and when is not None and nearly(when, looked)
    return replace(weighed, conditions=looked, nearly=close)


def _weigh_condition(entry: Entry, action: Action, facts: Facts, ruling: Ruling) -> Weighed:
    try:
        if entry.holds is not None and not entry.holds(action, facts):
            return Weighed(entry.ruling.rule, Fate.CONDITION_FALSE, "its condition does not hold")
    except Exception as exc:
        asks = entry.doubtful(exc)
        return _weigh_ruling(asks, ruling, doubt=doubt_text(exc))
    return _weigh_ruling(entry.ruling, ruling)


def _weigh_ruling(mine: Ruling, ruling: Ruling, *, doubt: str = "") -> Weighed:
    level = None if mine.denied else mine.level
    if mine.rule == ruling.rule:
        return Weighed(mine.rule, Fate.WON, mine.why, level, mine.denied, doubt)
    return Weighed(mine.rule, Fate.OUTRANKED, _why_outranked(mine, ruling, doubt), level, mine.denied, doubt)


def _why_outranked(mine: Ruling, ruling: Ruling, doubt: str) -> str:
    if strictness(ruling) > strictness(mine):
        return f"{ruling.rule!r} denies" if ruling.denied else f"{ruling.rule!r} is stricter ({ruling.level})"
    if doubt:
        return f"{ruling.rule!r} is as strict as this doubt"
    return f"{ruling.rule!r} is as strict and has a better place in the order of precedence"
