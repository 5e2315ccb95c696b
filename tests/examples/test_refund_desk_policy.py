"""The desk's policy, rule by rule: which refund asks, which runs, which is denied."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hitl_core import Action, Policy
from hitl_core.policy import Facts
from hitl_core.protocol import Json, Ruling
from hitl_core.testing.policy_cases import PolicyCase, policy_cases
from tests.examples.desk import EXAMPLE

POLICY = Policy.from_file(EXAMPLE / "policy.toml")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def ruling(tool: str, *, reversible: bool | None = None, **arguments: Json) -> Ruling:
    return POLICY.decide(Action(tool=tool, arguments=arguments), facts=Facts(now=NOW, reversible=reversible))


@pytest.mark.parametrize(
    ("amount", "rule", "level"),
    [
        (0.01, "small-refunds-are-noticed", "notify"),
        (10, "small-refunds-are-noticed", "notify"),
        (10.01, "refunds-are-confirmed", "confirm"),
        (500, "refunds-are-confirmed", "confirm"),
    ],
)
def test_a_refund_by_its_amount(amount: float, rule: str, level: str) -> None:
    made = ruling("issue_refund", reversible=False, order="A-1042", amount=amount)
    assert (made.denied, made.rule, made.level) == (False, rule, level)


def test_a_large_refund_is_denied() -> None:
    assert ruling("issue_refund", reversible=False, order="A-1042", amount=500.01).denied


@pytest.mark.parametrize("amount", ["40", True, None])
def test_an_amount_that_is_no_number_never_runs(amount: Json) -> None:
    assert ruling("issue_refund", reversible=False, order="A-1042", amount=amount).denied


def test_look_ups_run_drafts_are_noticed_and_the_unknown_asks() -> None:
    assert ruling("look_up_order", reversible=True, order="A-1042").level == "autonomous"
    assert ruling("draft_email", reversible=True, order="A-1042", text="Hello").level == "notify"
    assert ruling("delete_customer", reversible=True).level == "confirm"


@pytest.mark.parametrize("case", policy_cases(EXAMPLE / "policy.toml"))
def test_the_cases_beside_the_policy(case: PolicyCase) -> None:
    case.check()
