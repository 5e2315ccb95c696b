"""What holds for every policy, action and fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_core.policy import (
    POLICY_ASK_EVERYTHING,
    Condition,
    Defaults,
    Facts,
    Glob,
    Held,
    Match,
    Past,
    Policy,
    Rule,
    explain,
    rate,
)
from hitl_core.policy.deciding.compiled import compiled
from hitl_core.policy.deciding.matching import Here, Index, Matcher, Shape
from hitl_core.policy.deciding.rulings import DENY, strictness
from hitl_core.policy.rules.values import Doubt
from hitl_core.protocol import Action, Level, Ruling
from tests.core.policy import strategies as some

RANDOM = settings(max_examples=100, deadline=None)


def rule_on(rules: list[Rule], defaults: Defaults, action: Action, facts: Facts) -> Ruling:
    return Policy(rules, defaults=defaults).decide(action, facts=facts)


@RANDOM
@given(some.rule_lists(), some.defaults, some.actions, some.facts)
def test_a_decision_never_raises(rules: list[Rule], defaults: Defaults, action: Action, facts: Facts) -> None:
    assert isinstance(rule_on(rules, defaults, action, facts), Ruling)


@RANDOM
@given(some.rule_lists(), st.dictionaries(st.text(max_size=3), some.JSON, max_size=4), some.facts)
def test_any_arguments_at_all(rules: list[Rule], arguments: dict[str, Any], facts: Facts) -> None:
    action = Action.model_construct(tool="read", arguments=arguments)
    assert isinstance(Policy(rules).decide(action, facts=facts), Ruling)


@given(some.actions, some.facts)
def test_without_a_policy_everything_asks(action: Action, facts: Facts) -> None:
    ruling = POLICY_ASK_EVERYTHING.decide(action, facts=facts)
    assert (ruling.level, ruling.rule, ruling.denied, ruling.asks) == (Level.CONFIRM, "default", False, True)


@settings(max_examples=300, deadline=None)
@given(some.crowds(), some.defaults, some.payments, st.sampled_from([True, None]))
def test_precedence_is_what_the_docs_say(
    rules: list[Rule], defaults: Defaults, action: Action, reversible: bool | None
) -> None:
    facts = Facts(now=datetime(2026, 11, 2, tzinfo=UTC), reversible=reversible)
    ruling = rule_on(rules, defaults, action, facts)
    assert (ruling.rule, strictness(ruling)) == _said(rules, defaults, action, facts)


@RANDOM
@given(some.rule_lists(), some.rules("new"), some.defaults, some.actions, some.facts, st.integers(0, 5))
def test_adding_a_deny_never_lets_more_through(
    rules: list[Rule], new: Rule, defaults: Defaults, action: Action, facts: Facts, place: int
) -> None:
    deny = Rule(id="deny", why="No.", match=new.match, when=new.when, effect="deny")
    before = rule_on(rules, defaults, action, facts)
    after = rule_on([*rules[:place], deny, *rules[place:]], defaults, action, facts)
    assert strictness(after) >= strictness(before)


@RANDOM
@given(some.crowds(), some.LEVELS, some.defaults, some.payments, some.facts, st.data())
def test_a_stricter_level_never_lets_more_through(
    rules: list[Rule], level: Level, defaults: Defaults, action: Action, facts: Facts, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(rules) - 1))
    raised = _raised(rules[number], level)
    before = rule_on(rules, defaults, action, facts)
    after = rule_on([*rules[:number], raised, *rules[number + 1 :]], defaults, action, facts)
    assert strictness(after) >= strictness(before)


@RANDOM
@given(some.rule_lists(), some.defaults, some.actions, some.facts, st.randoms(use_true_random=False))
def test_the_order_of_rules_never_changes_the_level(
    rules: list[Rule], defaults: Defaults, action: Action, facts: Facts, random: Any
) -> None:
    shuffled = random.sample(rules, len(rules))
    one, other = (rule_on(order, defaults, action, facts) for order in (rules, shuffled))
    assert strictness(one) == strictness(other)


@RANDOM
@given(some.rule_lists(), some.defaults, some.actions, some.facts)
def test_only_a_written_exception_lets_the_irreversible_through(
    rules: list[Rule], defaults: Defaults, action: Action, facts: Facts
) -> None:
    ruling = rule_on(rules, defaults, action, replace(facts, reversible=None))
    excepted = {rule.id for rule in rules if rule.allow_irreversible}
    assert ruling.rule in excepted or strictness(ruling) >= Level.CONFIRM.rank


@RANDOM
@given(some.rule_lists(), some.actions, some.facts)
def test_less_known_about_reversibility_never_lets_more_through(
    rules: list[Rule], action: Action, facts: Facts
) -> None:
    # Rules that look at reversibility themselves may say what they like about either.
    rules = [replace(rule, match=replace(rule.match, reversible=None)) for rule in rules]
    known = rule_on(rules, Defaults(), action, replace(facts, reversible=True))
    unknown = rule_on(rules, Defaults(), action, replace(facts, reversible=None))
    assert strictness(unknown) >= strictness(known)


@RANDOM
@given(some.rule_lists(), some.looks, some.defaults, some.actions, some.facts)
def test_not_knowing_the_past_never_lets_more_through(
    rules: list[Rule], look: Condition, defaults: Defaults, action: Action, facts: Facts
) -> None:
    rules = [*rules, Rule(id="look", why="x", match=Match(tool=(Glob("*"),)), when=look, level=Level.NOTIFY)]
    known = rule_on(rules, defaults, action, replace(facts, history=some.Same(Past(2, Decimal(3)))))
    unknown = rule_on(rules, defaults, action, replace(facts, history={}))
    assert strictness(unknown) >= strictness(known)


@RANDOM
@given(st.lists(st.tuples(st.integers(0, 20), some.LEVELS), max_size=5), st.integers(0, 20), st.integers(0, 20))
def test_where_limits_hold_back_more_of_the_past_never_lets_more_through(
    limits: list[tuple[int, Level]], count: int, more: int
) -> None:
    day = timedelta(days=1)
    rules = [Rule(id="free", why="x", match=Match(tool=("pay",)), level=Level.AUTONOMOUS)]
    rules += [
        Rule(id=f"r{number}", why="x", match=Match(tool=("pay",)), when=rate(within=day, above=limit), level=level)
        for number, (limit, level) in enumerate(limits)
    ]
    facts = Facts(now=datetime(2026, 11, 2, tzinfo=UTC), reversible=True)
    less_strict, strict = (
        rule_on(rules, Defaults(), Action(tool="pay"), replace(facts, history=some.Same(Past(past))))
        for past in (count, count + more)
    )
    assert strictness(strict) >= strictness(less_strict)


@RANDOM
@given(some.rule_lists(), some.defaults, some.actions, some.facts)
def test_a_policy_that_is_held_lets_nothing_run_unasked(
    rules: list[Rule], defaults: Defaults, action: Action, facts: Facts
) -> None:
    policy = Policy(rules, defaults=defaults)
    sound, held = policy.decide(action, facts=facts), Held(policy, "x").decide(action, facts=facts)
    assert strictness(held) >= max(strictness(sound), Level.CONFIRM.rank)
    assert (held.rule, held.version, held.denied) == (sound.rule, sound.version, sound.denied)


@RANDOM
@given(some.rule_lists(), some.actions, some.facts)
def test_what_is_asked_of_the_past_never_raises_and_is_all_that_is_looked_at(
    rules: list[Rule], action: Action, facts: Facts
) -> None:
    policy = Policy(rules)
    asked = policy.asks(action, facts=facts)
    answered = replace(facts, history={tally.question: Past(2, Decimal(3)) for tally in asked})
    everything = replace(facts, history=some.Same(Past(2, Decimal(3))))
    assert policy.decide(action, facts=answered) == policy.decide(action, facts=everything)


@RANDOM
@given(some.rule_lists(), some.defaults, some.actions, some.facts)
def test_the_same_again(rules: list[Rule], defaults: Defaults, action: Action, facts: Facts) -> None:
    policy = Policy(rules, defaults=defaults)
    first = policy.decide(action, facts=facts)
    assert policy.decide(action, facts=facts) == first
    assert rule_on(rules, defaults, action, facts) == first


@RANDOM
@given(some.rule_lists(), some.defaults, some.actions, some.facts)
def test_explain_agrees_with_decide(rules: list[Rule], defaults: Defaults, action: Action, facts: Facts) -> None:
    policy = Policy(rules, defaults=defaults)
    explanation = explain(policy, action, facts=facts)
    assert explanation.ruling == policy.decide(action, facts=facts)
    winner = explanation.winner
    assert (winner.rule if winner else "default") == explanation.ruling.rule
    assert bool(winner) == bool(explanation.matched)


@RANDOM
@given(st.lists(some.matches | some.matches_of_any_tool, max_size=6), some.shapes)
def test_of_the_rules_that_are_not_looked_at_none_is_about_the_action(matches: list[Match], shape: Shape) -> None:
    found = Index(matches).candidates(shape)
    about = [number for number, match in enumerate(matches) if isinstance(Matcher(match)(shape), Here)]
    assert set(about) <= set(found)
    assert found == sorted(found)


def _raised(rule: Rule, level: Level) -> Rule:
    """The rule with at least this level; a denial stays one. Its exception goes where it would have no effect."""
    if rule.level is None or level.rank <= rule.level.rank:
        return rule
    exception = rule.allow_irreversible if level.rank < Level.CONFIRM.rank else ""
    return replace(rule, level=level, allow_irreversible=exception)


def _said(rules: list[Rule], defaults: Defaults, action: Action, facts: Facts) -> tuple[str, int]:
    """docs/policy.md, "Which rule decides", word by word and as slow as it likes."""
    applying = []
    for order, rule in enumerate(rules):
        strict, doubt = _strictness(rule, facts), False
        try:
            if rule.when is not None and not compiled(rule.when)(action, facts):
                continue
        except Doubt:
            doubt = True
        held_back = max(strict, Level.CONFIRM.rank, defaults.level.rank) if doubt else strict
        applying.append((-held_back, -strict, order, rule.id))
    if not applying:
        low = facts.reversible is not True
        return "default", max(defaults.level.rank, Level.CONFIRM.rank if low else 0)
    first = min(applying)
    return first[3], -first[0]


def _strictness(rule: Rule, facts: Facts) -> int:
    if rule.level is None:
        return DENY
    excepted = facts.reversible is True or rule.allow_irreversible
    return rule.level.rank if excepted else max(rule.level.rank, Level.CONFIRM.rank)
