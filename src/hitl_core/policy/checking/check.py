"""What is wrong with a policy, read from a file or written in Python: every problem, not the first.

Rules that cannot mean anything (impossible, contradictory, without effect) are problems too: in a policy, a
line that does nothing is a line that somebody relies on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from ...protocol import Approvers, Level, OnTimeout
from ..rules import (
    DEFAULT_RULE,
    All,
    AnyOf,
    Condition,
    Confidence,
    Defaults,
    During,
    Glob,
    Match,
    Not,
    Op,
    Rule,
    Where,
    duration_problem,
)
from .faults import Problem, below
from .operands import DEEPEST, NUMERIC, problems_of_tests

LONGEST_NAME: Final = 256
LONGEST_WHY: Final = 4_000
LATER: Final = "is not carried out by this release; take it out, because nothing would enforce it"

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
    for key in ("tool", "agent", "backend", "environment", "tags", "risk"):
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


def condition_problems(condition: Condition, depth: int = 0) -> Iterator[Problem]:
    """Everything that is wrong with a condition, with key paths inside it."""
    if depth > DEEPEST:
        yield (), f"is nested deeper than {DEEPEST} levels"
        return
    match condition:
        case All(conditions=parts) | AnyOf(conditions=parts):
            key = "all" if isinstance(condition, All) else "any"
            if not parts:
                yield (key,), "has no conditions in it"
            for index, part in enumerate(parts):
                yield from below((key, index), condition_problems(part, depth + 1))
        case Not(condition=inner):
            yield from below(("not",), condition_problems(inner, depth + 1))
        case During():
            yield from below(("time",), _time_problems(condition))
        case Where():
            yield from _where_problems(condition)
        case _:
            assert_never(condition)


def _where_problems(where: Where) -> Iterator[Problem]:
    if isinstance(where.subject, Confidence):
        yield from below(("confidence",), problems_of_tests(where.tests))
        yield from below(("confidence",), _confidence_problems(where))
        return
    if not where.subject.path or not all(where.subject.path):
        yield (), f"{where.subject} is no path; write it like customer.country"
    yield from problems_of_tests(where.tests)


def _confidence_problems(where: Where) -> Iterator[Problem]:
    for test in where.tests:
        bound = test.operand
        if test.op not in NUMERIC | {Op.EXISTS}:
            yield (test.op.value,), "cannot be asked of a confidence; use above, at_least, below or at_most"
        elif test.op in NUMERIC and not list(problems_of_tests((test,))) and not 0 <= bound <= 1:  # type: ignore[operator]
            yield (test.op.value,), f"a confidence lies between 0 and 1, {bound} does not"


def _time_problems(window: During) -> Iterator[Problem]:
    if (window.start is None) != (window.end is None):
        yield (), "needs both from and to"
    elif window.start is None and not window.weekdays:
        yield (), "names neither hours (from, to) nor weekdays"
    elif window.start is not None and window.start == window.end:
        yield (), "starts and ends at the same minute; for the whole day leave from and to out"
    try:
        ZoneInfo(window.zone)
    except (OSError, ValueError, KeyError):
        yield ("zone",), f"this machine knows no time zone {window.zone!r}; write it like Europe/Berlin"


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


def _approvers_problems(approvers: Approvers | None) -> Iterator[Problem]:
    if approvers is not None and approvers.quorum > 1:
        yield ("quorum",), f"more than 1 {LATER}"


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


def _defaults_problems(defaults: Defaults) -> Iterator[Problem]:
    low = defaults.level.rank < Level.CONFIRM.rank
    if low and not defaults.allow_unmatched:
        yield ("level",), f'"{defaults.level}" runs what nobody thought of; it needs allow_unmatched = true'
    if defaults.allow_unmatched and not low:
        yield ("allow_unmatched",), f'has no effect with level = "{defaults.level}"'
    yield from below(("approvers",), _approvers_problems(defaults.approvers))
    yield from _duration_problems("deadline", defaults.deadline)
    if defaults.on_timeout is OnTimeout.PROCEED:
        yield ("on_timeout",), '"proceed" must be written in each rule that it is meant for'
    elif defaults.on_timeout is not None and defaults.deadline is None:
        yield ("on_timeout",), "needs a deadline"
