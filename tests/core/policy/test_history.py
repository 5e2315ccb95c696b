"""What policies ask of the past: which questions are the same, and what is counted apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_core.policy import (
    All,
    AnyOf,
    Argument,
    ContextValue,
    Facts,
    Glob,
    Match,
    Not,
    Novel,
    Past,
    Policy,
    Rule,
    Tally,
    argument,
    budget,
    rate,
)
from hitl_core.policy.rules import Condition
from hitl_core.protocol import Action, Json, Level, Origin, canonical, sha256

FACTS = Facts(
    now=datetime(2026, 11, 2, 10, 0, tzinfo=UTC),
    environment="test",
    agent="desk",
    run="r1",
    tenant="t",
    started_by="ann",
)
DAY = timedelta(days=1)
PAY = Match(tool=("pay",))


def asked(*conditions: Condition, match: Match = PAY, facts: Facts = FACTS, **arguments: Any) -> tuple[Tally, ...]:
    """What a policy of one rule for each condition asks about a payment."""
    rules = [
        Rule(id=f"r{number}", why="x", match=match, when=condition, level=Level.CONFIRM)
        for number, condition in enumerate(conditions)
    ]
    return Policy(rules).asks(Action(tool="pay", arguments={"amount": 5, **arguments}), facts=facts)


def test_without_a_look_at_the_past_nothing_is_asked() -> None:
    assert asked(argument("amount", above=5), Not(argument("x", equals=1))) == ()


def test_a_rule_about_other_actions_asks_nothing() -> None:
    assert asked(budget("amount", within=DAY, above=5), match=Match(tool=("read",))) == ()


def test_a_budget_says_what_this_action_adds() -> None:
    (tally,) = asked(budget("amount", within=DAY, above=5), amount=1.25)
    assert (tally.amount, tally.question.within) == (Decimal("1.25"), DAY)


def test_every_look_in_a_tree_is_asked_and_the_same_one_once() -> None:
    spent, often = budget("amount", within=DAY, above=5), rate(within=DAY, above=5)
    tree = All((AnyOf((spent, Not(often))), Novel(("to",))))
    assert len(asked(tree, to="x")) == 3
    assert asked(spent, spent) == asked(spent)


def test_the_limit_and_the_order_of_rules_are_no_part_of_the_question() -> None:
    assert asked(budget("amount", within=DAY, above=5)) == asked(
        argument("amount", above=3), budget("amount", within=DAY, at_most=100)
    )


def test_the_window_is_asked_about_the_same_series() -> None:
    short, long = asked(budget("amount", within=DAY, above=5), budget("amount", within=7 * DAY, above=9))
    assert (short.question.series, short.question.key) == (long.question.series, long.question.key)
    assert short.question != long.question


@pytest.mark.parametrize(
    "other",
    [
        budget("fee", within=DAY, above=5),
        budget("amount", within=DAY, per=("agent",), above=5),
        budget("amount", within=DAY, per=("user",), above=5),
        budget("amount", within=DAY, per=(Argument(("user",)),), above=5),
        budget("amount", within=DAY, per=(ContextValue(("user",)),), above=5),
        rate(within=DAY, above=5),
        Novel(("amount",), DAY),
    ],
)
def test_another_look_is_another_series(other: Condition) -> None:
    facts = replace(FACTS, context={"user": "ann"})
    one, another = asked(budget("amount", within=DAY, above=5), other, facts=facts, fee=5, user="ann")
    assert one.question.series != another.question.series


@pytest.mark.parametrize(
    "match",
    [
        Match(tool=(Glob("pay"), "pay")),
        Match(tool=("pay",), environment=("test",)),
        Match(tool=("pay",), reversible=False),
        Match(tool=("pay",), outside=("production",)),
    ],
)
def test_rules_about_other_actions_count_apart(match: Match) -> None:
    # A glob without a wildcard would be refused; here it only has to differ from the name.
    match = replace(match, tool=tuple(Glob("pa*") if isinstance(name, Glob) else name for name in match.tool))
    (one,) = asked(rate(within=DAY, above=5))
    (other,) = asked(rate(within=DAY, above=5), match=match)
    assert one.question.series != other.question.series


@pytest.mark.parametrize(
    ("per", "changed"),
    [
        ("run", {"run": "r2"}),
        ("agent", {"agent": "clerk"}),
        ("user", {"started_by": "bob"}),
        (ContextValue(("c",)), {"context": {"c": 2}}),
        ("run", {"tenant": "other"}),
    ],
)
def test_what_is_kept_apart_has_a_key_of_its_own(per: Any, changed: dict[str, Any]) -> None:
    look, facts = rate(within=DAY, per=(per,), above=5), replace(FACTS, context={"c": 1})
    (one,) = asked(look, facts=facts)
    (other,) = asked(look, facts=replace(facts, **changed))
    assert one.question.series == other.question.series
    assert one.question.key != other.question.key


def test_values_are_told_apart_by_type_and_numbers_by_value() -> None:
    def key(value: object) -> str:
        return asked(rate(within=DAY, per=(Argument(("k",)),), above=5), k=value)[0].question.key

    assert len({key(value) for value in (1, "1", True, [1], {"a": 1}, None)}) == 6
    assert key(1) == key(1.0)


@given(st.text(max_size=20), st.none() | st.text(max_size=20))
def test_a_key_of_texts_is_the_digest_of_their_one_spelling(tenant: str, user: str | None) -> None:
    facts = replace(FACTS, tenant=tenant, context={"c": user})
    values: list[Json] = [tenant, user]
    (tally,) = asked(rate(within=DAY, per=(ContextValue(("c",)),), above=5), facts=facts)
    assert tally.question.key == sha256(canonical(values, what="key"))


def test_a_text_that_no_utf_8_reader_accepts_is_no_key() -> None:
    assert asked(rate(within=DAY, above=5), facts=replace(FACTS, tenant="\ud800")) == ()


def test_the_agent_is_that_of_the_action_where_the_facts_name_none() -> None:
    policy = Policy([Rule(id="r", why="x", match=PAY, when=rate(within=DAY, per=("agent",), above=5), effect="deny")])
    action = Action(tool="pay", origin=Origin(agent="desk"))
    assert policy.asks(action, facts=replace(FACTS, agent=None)) == policy.asks(Action(tool="pay"), facts=FACTS)


def test_a_question_that_cannot_be_put_is_left_out() -> None:
    tallies = asked(rate(within=DAY, per=("run",), above=5), rate(within=DAY, above=5), facts=replace(FACTS, run=None))
    assert len(tallies) == 1


def test_what_no_plan_can_be_made_for_asks_nothing() -> None:
    policy = Policy([Rule(id="r", why="x", match=PAY, when=rate(within=DAY, above=5), effect="deny")])
    assert policy.asks(Action(tool="pay"), facts=replace(FACTS, tags=5)) == ()  # type: ignore[arg-type]  # on purpose


def test_the_past_grows() -> None:
    past = Past(2, Decimal(10)).with_one_of(Decimal("0.5"))
    assert past == Past(3, Decimal("10.5"))
    assert past.exceeds(Past(2, Decimal("10.5")))
    assert past.exceeds(Past(3, Decimal(10)))
    assert not Past(3, Decimal(9)).exceeds(past)
