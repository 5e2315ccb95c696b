"""What policies say, from the table in `cases.toml`; `explain` must agree with every one of them."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hitl_core.policy import Facts, Past, Policy, explain
from hitl_core.protocol import Action, Ruling

MONDAY = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
TABLE = tomllib.loads(Path(__file__).with_name("cases.toml").read_text(encoding="utf-8"))
EXPECTED = re.compile(r"(?P<level>\w+) by (?P<rule>[\w-]+)(?:: (?P<why>.+))?")


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table."""

    group: str
    policy: str
    action: Action
    expected: str
    facts: Facts
    past: Past | None

    def known(self, policy: Policy) -> Facts:
        """The facts, with the past that the line gives as the answer to every question of the policy."""
        if self.past is None:
            return self.facts
        asked = policy.asks(self.action, facts=self.facts)
        return replace(self.facts, history={tally.question: self.past for tally in asked})


def _case(group: dict[str, Any], line: list[Any]) -> Case:
    tool, arguments, expected, *others = line
    known = {"now": MONDAY, "environment": "test", **group.get("facts", {}), **(others[0] if others else {})}
    action = Action.model_construct(tool=tool, arguments=json.loads(arguments))
    count, total = known.pop("past", (None, None))
    past = None if count is None else Past(count, Decimal(total))
    return Case(group["name"], group["policy"], action, expected, Facts(**known), past)


def _cases() -> list[Case]:
    return [_case(group, line) for group in TABLE["group"] for line in group["cases"]]


CASES = _cases()


@cache
def _policy(text: str) -> Policy:
    return Policy.from_toml(text)


def test_the_table_is_worth_its_name() -> None:
    assert len(CASES) >= 320
    names = [group["name"] for group in TABLE["group"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.action.tool}")
def test_a_case(case: Case) -> None:
    policy = _policy(case.policy)
    ruling = policy.decide(case.action, facts=case.known(policy))
    expected = EXPECTED.fullmatch(case.expected)
    assert expected is not None, f"not understood: {case.expected!r}"
    assert (_effect(ruling), ruling.rule) == (expected["level"], expected["rule"]), ruling.why
    assert (expected["why"] or "") in ruling.why


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.action.tool}")
def test_explain_agrees(case: Case) -> None:
    policy = _policy(case.policy)
    facts = case.known(policy)
    explanation = explain(policy, case.action, facts=facts)
    assert explanation.ruling == policy.decide(case.action, facts=facts)
    winner = explanation.winner.rule if explanation.winner else "default"
    assert winner == explanation.ruling.rule
    assert [weighed.rule for weighed in explanation.rules] == [rule.id for rule in policy.rules]


def _effect(ruling: Ruling) -> str:
    return "deny" if ruling.denied else ruling.level.value
