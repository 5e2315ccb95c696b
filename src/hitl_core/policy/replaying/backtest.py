"""What would have come of recorded actions under another policy. What is not sure is counted and not guessed.

entries (oldest first) ─► Backtest.take: facts as of then ─► decide ─► what came of it, and what would have
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ...protocol import Action, Level, Ruling, has_mask
from ..deciding import MISSING, Entry, Policy, names_fit, strictness, walk
from ..rules import (
    Argument,
    Budget,
    Confidence,
    ContextValue,
    Doubt,
    Facts,
    Leaf,
    Novel,
    Path,
    Rate,
    Rule,
    Where,
    leaves,
)
from .ledger import Ledger
from .proposed import BEGIN, Came, Proposed

MOST_LISTED: Final = 100
"""Actions that are listed for each rule; of the others there is a number."""

ERASED: Final = "erased"
MASKED: Final = "a rule about it looks at what is secret"
NOT_RECORDED: Final = "a rule about it looks at the context or the confidence, which are not recorded"
TOOL_UNKNOWN: Final = "its tool is not known, and a rule depends on what it is"
LOST: Final = "it depends on what began before, of which something was erased or is not known"
AT_ONCE: Final = "it depends on what began at the same time"

TraitsOf = Callable[[str], Mapping[str, Any] | None]
"""The tags, the reversibility and the risk of a tool; None for one that nobody knows."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An action whose fate changes. `rule` is the one that decides now, `level_before` None where it was not kept."""

    at: datetime
    run: str
    call: str
    request: str | None
    tool: str
    before: Came
    level_before: Level | None
    rule_before: str | None
    after: Came
    level: Level
    rule: str


@dataclass(frozen=True, slots=True)
class Group:
    """The changed actions of one rule, the first of them listed."""

    rule: str
    count: int
    listed: tuple[Changed, ...]

    @property
    def rest(self) -> int:
        """How many are not listed."""
        return self.count - len(self.listed)


@dataclass(frozen=True, slots=True)
class Backtested:
    """The whole: what came of the actions, what would have come of them, whose fate changes, what cannot be told."""

    actions: int
    before: Mapping[Came, int]
    after: Mapping[Came, int]
    changed: int
    groups: tuple[Group, ...]
    untold: Mapping[str, int]
    first: datetime | None = None
    last: datetime | None = None


@dataclass(slots=True)
class _Gathered:
    count: int = 0
    listed: list[Changed] = field(default_factory=list)


class Backtest:
    """Holds numbers, the listed actions and what rules count in their windows; never the history itself."""

    def __init__(
        self,
        policy: Policy,
        *,
        traits: TraitsOf,
        environment: str | None = None,
        since: datetime | None = None,
        in_force: Policy | None = None,
    ) -> None:
        self._policy, self._in_force = policy, in_force
        self._traits, self._environment, self._since = traits, environment, since
        self._policies = [each for each in (policy, in_force) if each is not None]
        self._ledgers = {id(each): Ledger() for each in self._policies}
        self._lost: dict[str, datetime] = {}
        self._before: Counter[Came] = Counter()
        self._after: Counter[Came] = Counter()
        self._untold: Counter[str] = Counter()
        self._groups: dict[str, _Gathered] = {}
        self._first: datetime | None = None
        self._last: datetime | None = None

    def take(self, entry: Proposed) -> None:
        """The next entry, in the order of the store."""
        if entry.came is not Came.BEGAN and (self._since is None or entry.at >= self._since):
            self._judge(entry)
        if entry.came in BEGIN:
            self._count(entry)

    def result(self) -> Backtested:
        groups = (Group(rule, found.count, tuple(found.listed)) for rule, found in self._groups.items())
        ordered = tuple(sorted(groups, key=lambda group: -group.count))
        return Backtested(
            actions=self._before.total(),
            before=dict(self._before),
            after=dict(self._after),
            changed=sum(group.count for group in ordered),
            groups=ordered,
            untold=dict(self._untold),
            first=self._first,
            last=self._last,
        )

    # ── one entry ────────────────────────────────────────────────────────────────────────────────────────────

    def _judge(self, entry: Proposed) -> None:
        self._before[entry.came] += 1
        self._first, self._last = self._first or entry.at, entry.at
        found = self._would(self._policy, entry)
        if isinstance(found, str):
            self._untold[found] += 1
            return
        after, level = self._as_asked(entry, found)
        self._after[after] += 1
        before = Came.ASKED if entry.came is Came.GRANTED else entry.came
        if after is not before or (entry.level not in (None, level) and after is not Came.REFUSED):
            self._list(entry, found, after, level)

    def _list(self, entry: Proposed, ruling: Ruling, after: Came, level: Level) -> None:
        group = self._groups.setdefault(ruling.rule, _Gathered())
        group.count += 1
        if len(group.listed) < MOST_LISTED:
            group.listed.append(
                Changed(
                    at=entry.at,
                    run=entry.run,
                    call=entry.call,
                    request=entry.request,
                    tool=entry.tool,
                    before=entry.came,
                    level_before=entry.level,
                    rule_before=entry.rule,
                    after=after,
                    level=level,
                    rule=ruling.rule,
                )
            )

    def _as_asked(self, entry: Proposed, ruling: Ruling) -> tuple[Came, Level]:
        """What comes of a ruling. A question, and a pause of the app's own, asks whatever the policy lets through."""
        after = came_of(ruling)
        if after in (Came.LET_THROUGH, Came.NOTIFIED, Came.ANNOUNCED) and (entry.question or self._asks_itself(entry)):
            return Came.ASKED, Level.CONFIRM
        return after, ruling.level

    def _asks_itself(self, entry: Proposed) -> bool:
        """Whether the app asked, not the policy: the policy that was in force then says that it need not be asked."""
        if entry.came is not Came.ASKED or self._in_force is None or entry.version != self._in_force.version:
            return False
        then = self._would(self._in_force, entry)
        return not isinstance(then, str) and then.rule == entry.rule and came_of(then) is not Came.ASKED

    # ── facts ────────────────────────────────────────────────────────────────────────────────────────────────

    def _would(self, policy: Policy, entry: Proposed) -> Ruling | str:
        """The ruling, or why it cannot be told."""
        if entry.action is None:
            return ERASED
        known = self._traits(entry.tool)
        if known is None and _depends_on_traits(policy, entry.tool):
            return TOOL_UNKNOWN
        action, facts = entry.action, self._facts(entry, entry.action, known)
        if self._is_lost(policy, action, facts):
            return LOST
        first, *others = (policy.decide(action, facts=each) for each in self._as_of(policy, entry, action, facts))
        if any((came_of(each), each.level) != (came_of(first), first.level) for each in others):
            return AT_ONCE
        return _hidden(policy, action, facts, first) or first

    def _as_of(self, policy: Policy, entry: Proposed, action: Action, facts: Facts) -> Iterator[Facts]:
        """The facts with what had begun. Who was asked was asked some time before that was recorded: what began then in
        its own run, or at that very moment, may have been known or not."""
        ledger, place = self._ledgers[id(policy)], (entry.run, entry.call)
        if entry.came not in (Came.ASKED, Came.ANNOUNCED):
            yield ledger.facts(policy, action, facts, place=place)
            return
        yield ledger.facts(policy, action, facts, place=place, counts=lambda at, run: at < entry.at)
        yield ledger.facts(
            policy, action, facts, place=place, counts=lambda at, run: at <= entry.at or run == entry.run
        )

    def _count(self, entry: Proposed) -> None:
        action, known = entry.action, self._traits(entry.tool)
        for policy in self._policies:
            if action is None or (known is None and _depends_on_traits(policy, entry.tool)):
                self._lost[entry.tool] = entry.at
                continue
            tallies = policy.asks(action, facts=self._facts(entry, action, known))
            self._ledgers[id(policy)].began(tallies, entry.at, place=(entry.run, entry.call))

    def _is_lost(self, policy: Policy, action: Action, facts: Facts) -> bool:
        """Whether something began of which nobody can say any more what it counts for here."""
        for entry in policy.plan(action, facts).entries:
            for within in (leaf_window(leaf) for leaf in _leaves(entry) if _looks_back(leaf)):
                since = datetime.min.replace(tzinfo=UTC) if within is None else facts.now - within
                if any(at > since and names_fit(entry.rule.match.tool, tool) for tool, at in self._lost.items()):
                    return True
        return False

    def _facts(self, entry: Proposed, action: Action, known: Mapping[str, Any] | None) -> Facts:
        return Facts(
            now=entry.at,
            backend=entry.backend,
            environment=self._environment,
            agent=action.origin.agent,
            started_by=entry.started_by,
            run=entry.run,
            tenant=entry.tenant,
            **(known or {}),
        )


def came_of(ruling: Ruling) -> Came:
    """What comes of a ruling."""
    if ruling.denied:
        return Came.REFUSED
    if ruling.veto_seconds is not None:
        return Came.ANNOUNCED
    if ruling.asks:
        return Came.ASKED
    return Came.NOTIFIED if ruling.level is Level.NOTIFY else Came.LET_THROUGH


# ── what the record does not have ───────────────────────────────────────────────────────────────────────────


def _depends_on_traits(policy: Policy, tool: str) -> bool:
    """Whether the outcome for a tool depends on its tags, its risk, or whether it can be taken back."""
    low = any(each.level.rank < Level.CONFIRM.rank for each in (policy.defaults, *policy.overlays.values()))
    return low or any(_rule_depends(rule) for rule in policy.rules if names_fit(rule.match.tool, tool))


def _rule_depends(rule: Rule) -> bool:
    match = rule.match
    raised = rule.level is not None and rule.level.rank < Level.CONFIRM.rank and not rule.allow_irreversible
    return raised or bool(match.tags or match.risk or match.reversible is not None)


def _hidden(policy: Policy, action: Action, facts: Facts, ruling: Ruling) -> str:
    """Why a ruling may not be what it would have been: a rule that looks at what is not recorded could change it."""
    for entry in policy.plan(action, facts).entries:
        why = next((why for leaf in _leaves(entry) if (why := _not_kept(leaf, action))), "")
        most = max(strictness(entry.ruling), entry.doubt_floor)
        if why and (entry.rule.id == ruling.rule or most > strictness(ruling)):
            return why
    return ""


def _leaves(entry: Entry) -> Iterator[Leaf]:
    return iter(()) if entry.rule.when is None else leaves(entry.rule.when)


def _not_kept(leaf: Leaf, action: Action) -> str:
    looks: list[object] = [leaf.subject] if isinstance(leaf, Where) else []
    past = leaf if isinstance(leaf, Novel) else leaf.subject if isinstance(leaf, Where) else None
    if isinstance(past, Budget | Rate | Novel):
        looks += past.per
        looks += [] if isinstance(past, Rate) else [Argument(past.of)]
    if any(isinstance(each, ContextValue | Confidence) for each in looks):
        return NOT_RECORDED
    return MASKED if any(isinstance(each, Argument) and _is_secret(action, each.path) for each in looks) else ""


def _is_secret(action: Action, path: Path) -> bool:
    try:
        value = walk(action.arguments, path, Argument(path))
    except Doubt:
        return False
    return value is not MISSING and has_mask(value)


def _looks_back(leaf: Leaf) -> bool:
    return isinstance(leaf, Novel) or (isinstance(leaf, Where) and isinstance(leaf.subject, Budget | Rate))


def leaf_window(leaf: Leaf) -> timedelta | None:
    """The time that a look at the past takes in; None: ever."""
    looked = leaf.subject if isinstance(leaf, Where) else leaf
    return looked.within if isinstance(looked, Budget | Rate | Novel) else None


def looks_back_to(policy: Policy, since: datetime) -> datetime | None:
    """From when on entries are needed for what the policy counts, judged from `since` on; None: from the beginning."""
    found = [each for rule in policy.rules if rule.when is not None for each in leaves(rule.when)]
    windows = [leaf_window(leaf) for leaf in found if _looks_back(leaf)]
    if None in windows:
        return None
    return since - max((each for each in windows if each is not None), default=timedelta())
