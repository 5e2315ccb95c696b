"""`explain`: what became of every rule, in words that a person can use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hitl_core.policy import Facts, Fate, Past, Policy, explain
from hitl_core.protocol import Action, Level

FACTS = Facts(now=datetime(2026, 11, 2, 10, 0, tzinfo=UTC), reversible=True, environment="test")
POLICY = Policy.from_toml(
    """
[[rules]]
id = "small"
why = "Small."
match = { tool = "pay" }
when = { argument = "n", at_most = 5 }
level = "autonomous"
[[rules]]
id = "large"
why = "Large."
match = { tool = "pay" }
when = { argument = "n", above = 100 }
level = "human_leads"
[[rules]]
id = "first"
why = "First."
match = { tool = "pay", environment = "test" }
level = "confirm"
[[rules]]
id = "second"
why = "Second."
match = { tool = "pay", tags = "eu" }
level = "confirm"
[[rules]]
id = "cash"
why = "No cash."
match = { tool = "pay" }
when = { argument = "by", equals = "cash" }
effect = "deny"
"""
)


def fates(arguments: dict[str, object], facts: Facts = FACTS) -> dict[str, tuple[Fate, str]]:
    explanation = explain(POLICY, Action.model_validate({"tool": "pay", "arguments": arguments}), facts=facts)
    return {rule.rule: (rule.fate, rule.because) for rule in explanation.rules}


def test_who_won_and_who_lost_and_why() -> None:
    assert fates({"n": 5, "by": "card"}, replace(FACTS, tags=("eu",))) == {
        "small": (Fate.OUTRANKED, "'first' is stricter (confirm)"),
        "large": (Fate.CONDITION_FALSE, "its condition does not hold"),
        "first": (Fate.WON, "First."),
        "second": (Fate.OUTRANKED, "'first' is as strict and has a better place in the order of precedence"),
        "cash": (Fate.CONDITION_FALSE, "its condition does not hold"),
    }


def test_a_denial_beats_them_all() -> None:
    assert fates({"n": 101, "by": "cash"}) == {
        "small": (Fate.CONDITION_FALSE, "its condition does not hold"),
        "large": (Fate.OUTRANKED, "'cash' denies"),
        "first": (Fate.OUTRANKED, "'cash' denies"),
        "second": (Fate.NOT_ABOUT, "its match.tags does not fit this action"),
        "cash": (Fate.WON, "No cash."),
    }


def test_doubts_are_told() -> None:
    action = Action(tool="pay", arguments={"by": "card"})
    explanation = explain(POLICY, action, facts=FACTS)
    small, large, first, _, _ = explanation.rules
    assert large.fate is Fate.WON
    assert large.doubt == "argument 'n' is missing"
    assert (small.fate, small.doubt, small.level) == (Fate.OUTRANKED, "argument 'n' is missing", Level.CONFIRM)
    assert first.because == "'large' is stricter (human_leads)"
    assert explanation.matched == (small, large, first)


def test_a_doubt_gives_way_to_a_rule_that_is_as_strict() -> None:
    policy = Policy(POLICY.rules[:1] + POLICY.rules[2:3])
    small, first = explain(policy, Action(tool="pay"), facts=FACTS).rules
    assert (small.fate, small.because) == (Fate.OUTRANKED, "'first' is as strict as this doubt")
    assert first.fate is Fate.WON


def test_nobody_won() -> None:
    explanation = explain(POLICY, Action(tool="other"), facts=FACTS)
    assert explanation.winner is None
    assert explanation.ruling.rule == "default"
    assert explanation.matched == ()
    assert {rule.fate for rule in explanation.rules} == {Fate.NOT_ABOUT}


def test_facts_that_cannot_be_used_explain_nothing_but_still_ask() -> None:
    broken = replace(FACTS, tags=5)  # type: ignore[arg-type]
    explanation = explain(POLICY, Action(tool="pay"), facts=broken)
    assert explanation.rules == ()
    assert "could not be applied" in explanation.ruling.why


def test_each_condition_is_told_with_its_value() -> None:
    policy = Policy.from_toml(
        """
[calendars.off]
days = ["12-25"]
[[rules]]
id = "all"
why = "x"
match = { tool = "pay" }
level = "confirm"
when = { all = [
    { argument = "n", above = 5, at_most = 0.5e2 },
    { any = [{ argument = "to.0", one_of = ["a"] }, { not = { context = "tier", exists = true } }] },
    { confidence = { below = 0.8 } },
    { time = { from = "09:00", to = "17:00", zone = "Europe/Berlin", weekdays = ["mon"] } },
    { time = { weekdays = ["mon", "tue"] } },
    { calendar = "off" },
    { budget = { argument = "n", within = "1d", per = ["run", { argument = "to" }], above = 500 } },
    { rate = { within = "1h", above = 3 } },
    { novel = { argument = "n" } },
    { argument = "to", every = { length = { above = 0 } } },
] }
"""
    )
    action = Action(tool="pay", arguments={"n": 7, "to": ["b"]})
    facts = replace(FACTS, run="r", context={"tier": 1})
    history = {each.question: Past(2, Decimal("90.5")) for each in policy.asks(action, facts=facts)}
    (weighed,) = explain(policy, action, facts=replace(facts, history=history)).rules
    assert [(each.says, each.value, each.holds) for each in weighed.conditions] == [
        ("argument 'n' above 5 and at most 50.0", 7, True),
        ("argument 'to.0' one of [\"a\"]", "b", False),
        ("context 'tier' exists true", 1, True),
        ("the confidence below 0.8", None, None),
        ("the time is from 09:00 to 17:00 on mon (Europe/Berlin)", "2026-11-02T11:00:00+01:00", True),
        ("the time is on mon, tue (UTC)", "2026-11-02T10:00:00+00:00", True),
        ("the day is one of 'off' (UTC)", "2026-11-02T10:00:00+00:00", False),
        ("the sum of argument 'n' within 1d per run, argument 'to' above 500", 97.5, False),
        ("the number of actions within 1h above 3", 3, False),
        ("the first time with argument 'n' ever", 7, False),
        ("argument 'to' every (length (above 0))", ["b"], True),
    ]
    assert [each.doubt for each in weighed.conditions if each.holds is None] == ["the confidence is missing"]
    assert {each.there for each in weighed.conditions if each.value is not None} == {True}
    assert not weighed.nearly


@pytest.mark.parametrize(
    ("when", "arguments", "nearly"),
    [
        ("{ argument = 'n', above = 5 }", {"n": 1}, True),
        ("{ all = [{ argument = 'n', above = 5 }, { argument = 'm', above = 5 }] }", {"n": 1, "m": 9}, True),
        ("{ all = [{ argument = 'n', above = 5 }, { argument = 'm', above = 5 }] }", {"n": 1, "m": 1}, False),
        ("{ all = [{ argument = 'n', above = 5 }, { argument = 'm', above = 5 }] }", {"n": 1}, False),
        ("{ any = [{ argument = 'n', above = 5 }, { argument = 'm', above = 5 }] }", {"n": 1, "m": 1}, True),
        ("{ not = { argument = 'n', above = 5 } }", {"n": 9}, True),
        ("{ argument = 'n', above = 5 }", {"n": 9}, False),
        ("{ argument = 'n', above = 5 }", {}, False),
        ("{ not = { any = [{ argument = 'n', above = 5 }, { argument = 'm', above = 5 }] } }", {"n": 9, "m": 9}, False),
        ("{ not = { any = [{ argument = 'n', above = 5 }, { argument = 'm', above = 5 }] } }", {"n": 9}, False),
    ],
)
def test_which_rules_nearly_matched(when: str, arguments: dict[str, Any], nearly: bool) -> None:
    text = f'[[rules]]\nid = "r"\nwhy = "x"\nmatch = {{ tool = "pay" }}\nwhen = {when}\nlevel = "notify"'
    (rule,) = explain(Policy.from_toml(text), Action(tool="pay", arguments=arguments), facts=FACTS).rules
    assert rule.nearly is nearly
