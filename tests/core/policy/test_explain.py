"""`explain`: what became of every rule, in words that a person can use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hitl_core.policy import Facts, Fate, Policy, explain
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
