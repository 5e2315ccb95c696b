"""What is wrong with a policy, read from a file or written in Python: every problem, not the first.

Rules that cannot mean anything (impossible, contradictory, without effect) are problems too: in a policy, a
line that does nothing is a line that somebody relies on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from ...protocol import Approvers, Level, OnTimeout, Stage
from ..rules import (
    DEFAULT_RULE,
    Defaults,
    Escalate,
    Glob,
    Match,
    Rule,
    duration_problem,
)
from .condition import condition_problems, hours_problems
from .faults import Problem, below

LONGEST_NAME: Final = 256
LONGEST_WHY: Final = 4_000

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}", re.ASCII)


def policy_problems(
    rules: Iterable[tuple[int, Rule]], defaults: Defaults, version: str | None = None
) -> Iterator[Problem]:
    """Everything that is wrong with these rules (each with its index) and defaults, with its key path."""
    if version is not None and not 0 < len(version) <= LONGEST_NAME:
        yield ("version",), f"must have 1 to {LONGEST_NAME} characters"
    yield from below(("defaults",), _defaults_problems(defaults))
    for index, rule in rules:
        yield from below(("rules", index), rule_problems(rule, defaults))


def repeated_ids(ids: Iterable[tuple[int, str]]) -> Iterator[Problem]:
    """Rules that have the id of a rule before them."""
    pairs = list(ids)
    first = {rule_id: index for index, rule_id in reversed(pairs)}
    counts = Counter(rule_id for _, rule_id in pairs)
    for index, rule_id in pairs:
        if counts[rule_id] > 1 and index != first[rule_id]:
            yield ("rules", index, "id"), f"{rule_id!r} is the id of rules[{first[rule_id]}] already"


def rule_problems(rule: Rule, defaults: Defaults) -> Iterator[Problem]:
    """Everything that is wrong with one rule, with key paths inside it."""
    yield from _id_problems(rule.id)
    yield from below(("why",), _text_problems(rule.why, LONGEST_WHY))
    yield from below(("match",), _match_problems(rule.match))
    if rule.match.anything and rule.when is None:
        yield (), 'is about every action; if that is meant, say so: match = { tool = { glob = "*" } }'
    if rule.when is not None:
        yield from below(("when",), condition_problems(rule.when))
    yield from _deny_problems(rule) if rule.effect == "deny" else _allow_problems(rule, defaults)


# ── what a rule is about ────────────────────────────────────────────────────────────────────────────────────


def _id_problems(rule_id: str) -> Iterator[Problem]:
    if not _ID.fullmatch(rule_id):
        yield ("id",), f"{rule_id!r} is no id; use up to 128 letters, digits and . _ / -"
    elif rule_id == DEFAULT_RULE:
        yield ("id",), f"{DEFAULT_RULE!r} is the name of what holds when no rule matches; choose another"


def _text_problems(text: str, longest: int) -> Iterator[Problem]:
    if not text.strip():
        yield (), "is empty; say it in a sentence that the people who decide will read"
    elif len(text) > longest:
        yield (), f"has {len(text):,} characters; the limit is {longest:,}"


def _match_problems(match: Match) -> Iterator[Problem]:
    for key in ("tool", "agent", "backend", "environment", "tags", "risk", "outside"):
        names = getattr(match, key)
        if not isinstance(names, tuple):
            yield (key,), f"must be a tuple of names, got {names!r}"
            continue
        for name in names:
            yield from below((key,), _name_problems(name))


def _name_problems(name: str | Glob) -> Iterator[Problem]:
    pattern = name.pattern if isinstance(name, Glob) else name
    if not 0 < len(pattern) <= LONGEST_NAME:
        yield (), f"a name has 1 to {LONGEST_NAME} characters, {pattern[:40]!r} has {len(pattern)}"
    elif isinstance(name, Glob) and not {"*", "?"} & set(pattern):
        yield (), f"the glob {pattern!r} has neither * nor ?; write the name itself"
    elif isinstance(name, str) and {"*", "?"} & set(pattern):
        yield (), f'{pattern!r} would be taken literally; for a pattern write {{ glob = "{pattern}" }}'


# ── what a rule asks for ────────────────────────────────────────────────────────────────────────────────────


def _deny_problems(rule: Rule) -> Iterator[Problem]:
    pointless = {
        "level": rule.level,
        "approvers": rule.approvers,
        "deadline": rule.deadline,
        "on_timeout": rule.on_timeout,
        "veto": rule.veto,
        "allow_irreversible": rule.allow_irreversible or None,
        "allow_timeout_approval": rule.allow_timeout_approval or None,
        "remind": rule.remind or None,
        "escalate": rule.escalate or None,
        "hours": rule.hours,
        "batch": rule.batch or None,
    }
    for key, value in pointless.items():
        if value is not None:
            yield (key,), 'contradicts effect = "deny": a denied action is never asked about'


def _allow_problems(rule: Rule, defaults: Defaults) -> Iterator[Problem]:
    if rule.level is None:
        yield (), f'has no effect; add level = "{Level.CONFIRM}" (or another level) or effect = "deny"'
    yield from below(("approvers",), _approvers_problems(rule.approvers))
    yield from _duration_problems("deadline", rule.deadline)
    yield from _timeout_problems(rule, defaults)
    yield from _veto_problems(rule)
    yield from _irreversible_problems(rule)
    yield from _chasing_problems(rule.remind, rule.escalate, rule.deadline or defaults.deadline)
    yield from _hours_problems(rule, defaults)
    yield from _reassigning_problems(rule, defaults)
    yield from _pointless_problems(rule)


def _approvers_problems(approvers: Approvers | None) -> Iterator[Problem]:
    if approvers is None:
        return
    if approvers.stages and (approvers.users or approvers.roles or approvers.quorum > 1):
        yield ("stages",), "say who decides, each for itself; take users, roles and quorum beside them away"
    for index, stage in enumerate(approvers.stages):
        yield from below(("stages", index), _stage_problems(stage))
    if not approvers.stages:
        yield from _too_few(approvers)
    if approvers.assign:
        yield from below(("assign",), _assigning_problems(approvers))


def _assigning_problems(approvers: Approvers) -> Iterator[Problem]:
    if approvers.stages:
        yield (), "cannot be done stage by stage; take assign or stages away"
    elif not (approvers.users or approvers.roles):
        yield (), "has nobody to choose from; say which users or roles take turns"
    if approvers.separate_from:
        yield (), "contradicts separate_from: who may not decide is known only when they do"


def _stage_problems(stage: Stage) -> Iterator[Problem]:
    if not (stage.users or stage.roles):
        yield (), "names nobody; say which users or roles decide at this stage"
    yield from _too_few(stage)


def _too_few(people: Approvers | Stage) -> Iterator[Problem]:
    """A quorum that its people cannot come to leaves every request unanswered."""
    if people.users and not people.roles and len(set(people.users)) < people.quorum:
        yield ("quorum",), f"is {people.quorum}, but only {len(set(people.users))} may decide"


def _chasing_problems(
    remind: tuple[timedelta, ...], escalate: tuple[Escalate, ...], deadline: timedelta | None
) -> Iterator[Problem]:
    for key, moments in (("remind", remind), ("escalate", tuple(step.after for step in escalate))):
        for moment in moments:
            yield from _duration_problems(key, moment)
        if any(deadline is not None and moment >= deadline for moment in moments):
            yield (key,), "comes when the deadline has passed"
        if list(moments) != sorted(set(moments)):
            yield (key,), "must be in order of time, each moment once"
    for index, step in enumerate(escalate):
        named = step.users or step.roles
        if step.reassign and (named or step.instead):
            yield ("escalate", index, "reassign"), "asks whoever's turn it is next; take the rest but `after` away"
        elif not (named or step.reassign):
            yield ("escalate", index), "names nobody; say which users or roles are asked"


def _hours_problems(rule: Rule, defaults: Defaults) -> Iterator[Problem]:
    if rule.hours is None:
        return
    yield from below(("hours",), hours_problems(rule.hours))
    times = (rule.deadline, rule.remind, rule.escalate, defaults.deadline, defaults.remind, defaults.escalate)
    if not any(times):
        yield ("hours",), "count nothing: there is no deadline, remind or escalate"


def _reassigning_problems(rule: Rule, defaults: Defaults) -> Iterator[Problem]:
    approvers, steps = rule.approvers or defaults.approvers, rule.escalate or defaults.escalate
    if any(step.reassign for step in steps) and not (approvers is not None and approvers.assign):
        yield ("escalate",), "reassigns what nobody was assigned to; it needs approvers = { assign = true, … }"


def _pointless_problems(rule: Rule) -> Iterator[Problem]:
    """What is said about a question that the rule never asks."""
    asks = rule.level is None or rule.level.rank >= Level.CONFIRM.rank or rule.veto is not None
    several = rule.approvers is not None and rule.approvers.needed > 1
    if rule.veto is not None and several:
        yield ("approvers",), "several people cannot agree to what runs unless one of them objects; take veto away"
    if rule.veto is not None and rule.approvers is not None and rule.approvers.assign:
        yield ("approvers", "assign"), "asks one of them, and anybody who may should be able to object; take it away"
    if rule.batch and rule.level is not None and rule.level.rank > Level.CONFIRM.rank:
        yield ("batch",), f'contradicts level = "{rule.level}": that needs a look of its own'
    # Below confirm a question is still asked where an action is not known to be reversible.
    if not asks and rule.allow_irreversible:
        for key, given in (("remind", rule.remind), ("escalate", rule.escalate), ("batch", rule.batch)):
            if given:
                yield (key,), f'has no effect with level = "{rule.level}": nobody is asked'


def _duration_problems(key: str, duration: timedelta | None) -> Iterator[Problem]:
    if duration is not None and (problem := duration_problem(duration)):
        yield (key,), problem


def _timeout_problems(rule: Rule, defaults: Defaults) -> Iterator[Problem]:
    proceeds = rule.on_timeout is OnTimeout.PROCEED
    if rule.on_timeout is not None and rule.deadline is None and defaults.deadline is None:
        yield ("on_timeout",), "needs a deadline, here or in [defaults]"
    if proceeds and not rule.allow_timeout_approval:
        yield ("on_timeout",), '"proceed" runs what nobody approved; it needs allow_timeout_approval = true'
    if proceeds and rule.match.reversible is not True:
        yield ("on_timeout",), '"proceed" is for reversible actions only: match = { reversible = true, … }'
    if proceeds and rule.level is Level.HUMAN_LEADS:
        yield ("on_timeout",), f'"proceed" contradicts level = "{rule.level}": the agent never does it itself'
    if rule.allow_timeout_approval and not proceeds:
        yield ("allow_timeout_approval",), 'has no effect without on_timeout = "proceed"'


def _veto_problems(rule: Rule) -> Iterator[Problem]:
    yield from _duration_problems("veto", rule.veto)
    if rule.veto is not None and rule.level is not Level.NOTIFY:
        yield ("veto",), 'needs level = "notify": announced, then run unless somebody vetoes'


def _irreversible_problems(rule: Rule) -> Iterator[Problem]:
    key = ("allow_irreversible",)
    if not rule.allow_irreversible:
        return
    yield from below(key, _text_problems(rule.allow_irreversible, LONGEST_WHY))
    if rule.level is not None and rule.level.rank >= Level.CONFIRM.rank:
        yield key, f'has no effect with level = "{rule.level}"; only levels below confirm need it'
    if rule.match.reversible is True:
        yield key, "contradicts match.reversible = true"


def overlay_problems(overlays: Mapping[str, Defaults]) -> Iterator[Problem]:
    """Everything that is wrong with the defaults of environments."""
    for name, defaults in overlays.items():
        yield from below(("environments", name, "defaults"), _defaults_problems(defaults))


def _defaults_problems(defaults: Defaults) -> Iterator[Problem]:
    low = defaults.level.rank < Level.CONFIRM.rank
    if low and not defaults.allow_unmatched:
        yield ("level",), f'"{defaults.level}" runs what nobody thought of; it needs allow_unmatched = true'
    if defaults.allow_unmatched and not low:
        yield ("allow_unmatched",), f'has no effect with level = "{defaults.level}"'
    yield from below(("approvers",), _approvers_problems(defaults.approvers))
    yield from _duration_problems("deadline", defaults.deadline)
    yield from _chasing_problems(defaults.remind, defaults.escalate, defaults.deadline)
    if defaults.hours is not None:
        yield from below(("hours",), hours_problems(defaults.hours))
    if defaults.on_timeout is OnTimeout.PROCEED:
        yield ("on_timeout",), '"proceed" must be written in each rule that it is meant for'
    elif defaults.on_timeout is not None and defaults.deadline is None:
        yield ("on_timeout",), "needs a deadline"
