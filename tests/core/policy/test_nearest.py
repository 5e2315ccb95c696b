"""The nearest change that would alter the level: it does, and nothing nearer does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_core.policy import Change, Defaults, Explanation, Facts, Match, Past, Policy, Rule, argument, explain
from hitl_core.policy.deciding import nearest
from hitl_core.policy.deciding.rulings import strictness
from hitl_core.protocol import Action, Level, Ruling
from hitl_core.protocol.masks import mask
from tests.core.policy import strategies as some

MONDAY = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
FACTS = Facts(now=MONDAY, reversible=True, environment="test")


def policy_of(*whens: str, level: str = "confirm", more: str = "") -> Policy:
    """A payment runs, unless one of these conditions holds."""
    rules = ['[[rules]]\nid = "free"\nwhy = "x"\nmatch = { tool = "pay" }\nlevel = "autonomous"']
    rules += [
        f'[[rules]]\nid = "r{number}"\nwhy = "x"\nmatch = {{ tool = "pay" }}\nlevel = "{level}"\nwhen = {when}'
        for number, when in enumerate(whens)
    ]
    return Policy.from_toml("\n".join((more, *rules)))


def explained(policy: Policy, arguments: dict[str, Any], facts: Facts = FACTS, past: Past | None = None) -> Explanation:
    action = Action.model_construct(tool="pay", arguments=arguments)
    if past is not None:
        facts = replace(facts, history={each.question: past for each in policy.asks(action, facts=facts)})
    return explain(policy, action, facts=facts)


def told(found: Change | None) -> tuple[Any, ...] | None:
    return None if found is None else (found.what, found.to, found.ruling.level.value)


AMOUNT, TO, FREE, ASKS = "argument 'amount'", "argument 'to'", "autonomous", "confirm"


@pytest.mark.parametrize(
    ("when", "arguments", "expected"),
    [
        ('{ argument = "amount", above = 500 }', {"amount": 400}, (AMOUNT, 501, ASKS)),
        ('{ argument = "amount", above = 500 }', {"amount": 600}, (AMOUNT, 500, FREE)),
        ('{ argument = "amount", above = 500 }', {"amount": 400.25}, (AMOUNT, 500.01, ASKS)),
        ('{ argument = "amount", at_least = 0.5 }', {"amount": 0}, (AMOUNT, 0.5, ASKS)),
        ('{ argument = "amount", below = 10 }', {"amount": 3}, (AMOUNT, 10, FREE)),
        ('{ argument = "amount", at_most = 10 }', {"amount": 10}, (AMOUNT, 11, FREE)),
        ('{ argument = "amount", above = 2, below = 2.5 }', {"amount": 9}, (AMOUNT, 2.4, ASKS)),
        ('{ argument = "amount", equals = 7 }', {"amount": 7}, (AMOUNT, 6, FREE)),
        ('{ argument = "amount", above = 500 }', {}, (AMOUNT, 500, FREE)),
        ('{ argument = "amount", above = 500 }', {"amount": "600"}, (AMOUNT, 500, FREE)),
        ('{ argument = "order.amount", above = 5 }', {"order": {"amount": 1}}, ("argument 'order.amount'", 6, ASKS)),
        ('{ argument = "items.1", above = 5 }', {"items": [9, 9]}, ("argument 'items.1'", 5, FREE)),
        ('{ argument = "items.1", above = 5 }', {"items": 9}, None),
        ('{ argument = "a.b", above = 5 }', {}, ("argument 'a.b'", 5, FREE)),
        ('{ argument = "a.b", above = 5 }', {"a": 1}, None),
        ('{ argument = "to", equals = "anna" }', {"to": "ann"}, (TO, "anna", ASKS)),
        ('{ argument = "to", one_of = ["zoe", "anna"] }', {"to": "hanna"}, (TO, "anna", ASKS)),
        ('{ argument = "to", one_of = ["zoe", "anna"] }', {"to": "anna"}, (TO, "anna?", FREE)),
        ('{ argument = "to", equals = true }', {"to": True}, (TO, False, FREE)),
        ('{ argument = "to", equals = [1] }', {"to": [1]}, (TO, [], FREE)),
        ('{ argument = "to", equals = { a = 1.5 } }', {"to": {}}, (TO, {"a": 1.5}, ASKS)),
        ('{ argument = "to", type = "null" }', {"to": None}, (TO, False, FREE)),
        ('{ argument = "to", exists = false }', {"to": "ann"}, (TO, None, ASKS)),
        ('{ argument = "to", exists = true }', {}, (TO, None, ASKS)),
        ('{ argument = "to", starts_with = "x" }', {"to": "xann"}, (TO, "ann", FREE)),
        ('{ argument = "to", starts_with = "x" }', {"to": "ann"}, (TO, "xann", ASKS)),
        ('{ argument = "to", ends_with = "@b.c" }', {"to": "a"}, (TO, "a@b.c", ASKS)),
        ('{ argument = "to", ends_with = ["@b.c", "@d"] }', {"to": "a@b.c"}, (TO, "a", FREE)),
        ('{ argument = "to", contains = "b" }', {"to": "abba"}, (TO, "aa", FREE)),
        ('{ argument = "to", contains = "b" }', {}, None),
        ('{ argument = "to", has_item = "b" }', {"to": ["a"]}, (TO, ["a", "b"], ASKS)),
        ('{ argument = "to", has_item = "b" }', {"to": ["a", "b"]}, (TO, ["a"], FREE)),
        ('{ argument = "to", has_item = "b" }', {}, (TO, [], FREE)),
        ('{ argument = "to", has_item = 5 }', {"to": [float("nan")]}, (TO, [], FREE)),
        ('{ argument = "to", length = { above = 3 } }', {"to": "abc"}, (TO, "abcc", ASKS)),
        ('{ argument = "to", length = { above = 3 } }', {"to": "abcdef"}, (TO, "abc", FREE)),
        ('{ argument = "to", length = { at_least = 1 } }', {"to": []}, (TO, [None], ASKS)),
        ('{ argument = "to", length = { at_least = 1 } }', {"to": ""}, (TO, "x", ASKS)),
        ('{ argument = "to", length = { at_least = 1 } }', {"to": 5}, None),
        ('{ argument = "to", some = { above = 3 } }', {"to": [1, 9, 2]}, (TO, [1, 2], FREE)),
        ('{ argument = "to", some = { above = 3 } }', {"to": []}, (TO, [4], ASKS)),
        ('{ argument = "to", every = { ends_with = "x" } }', {"to": ["x", "y"]}, (TO, ["x"], ASKS)),
        ('{ argument = "to", every = { ends_with = "x" } }', {"to": ["x", 5]}, (TO, ["", 5], FREE)),
        ('{ argument = "to", every = { has_item = 1 } }', {"to": [["a"]]}, (TO, [], ASKS)),
        ("{ confidence = { below = 0.8 } }", {}, ("the confidence", 0.8, FREE)),
        ("{ confidence = { exists = true } }", {}, ("the confidence", None, FREE)),
        ('{ all = [{ argument = "a", above = 5 }, { argument = "b", above = 5 }] }', {"a": 0, "b": 0}, None),
        ('{ any = [{ argument = "a", above = 5 }, { argument = "b", above = 5 }] }', {"a": 9, "b": 9}, None),
        ('{ not = { argument = "a", above = 5 } }', {"a": 0}, ("argument 'a'", 6, FREE)),
        ('{ argument = "to", matches = "x+" }', {"to": "x"}, None),
        ('{ context = "tier", equals = "gold" }', {}, None),  # without a tier it asks, and with this one
    ],
)
def test_the_nearest_value(when: str, arguments: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    found = explained(policy_of(when), arguments, replace(FACTS, confidence=0.5, context={}))
    assert told(found.nearest) == expected


def test_what_is_taken_away_and_what_was_not_there() -> None:
    policy = policy_of('{ argument = "to", exists = false }')
    given_one, none = explained(policy, {"to": 1}).nearest, explained(policy, {}).nearest
    assert given_one is not None
    assert none is not None
    assert (given_one.there, given_one.stays, none.there, none.stays) == (True, False, False, True)


def test_a_value_of_the_context() -> None:
    policy = policy_of('{ context = "customer.orders", above = 5 }')
    known = explained(policy, {}, replace(FACTS, context={"customer": {"orders": 2}}))
    assert told(known.nearest) == ("context 'customer.orders'", 6, ASKS)


def test_the_nearest_of_several_stands_first() -> None:
    policy = policy_of('{ argument = "amount", above = 500 }', '{ argument = "to", equals = "zoe" }')
    found = explained(policy, {"amount": 499, "to": "bob"}).changes
    assert [(each.what, each.rule) for each in found] == [(AMOUNT, "r0"), (TO, "r1")]
    assert 0 < found[0].distance < found[1].distance <= 1
    assert found[0].condition == "argument 'amount' above 500"


def test_a_denial_is_a_level_of_its_own() -> None:
    policy = Policy([Rule(id="no", why="x", match=Match(tool=("pay",)), when=argument("n", above=5), effect="deny")])
    found = explained(policy, {"n": 5}).nearest
    assert found is not None
    assert (found.to, found.ruling.denied) == (6, True)


def test_a_rule_that_overrules_all_leaves_no_change() -> None:
    policy = Policy(
        [
            Rule(id="no", why="x", match=Match(tool=("pay",)), effect="deny"),
            *policy_of("{ argument = 'a', above = 1 }").rules,
        ]
    )
    assert explained(policy, {"a": 1}).nearest is None


# ── the past ────────────────────────────────────────────────────────────────────────────────────────────────

BUDGET = '{ budget = { argument = "amount", within = "1d", above = 500 } }'
RATE = '{ rate = { within = "1h", per = "run", above = 3 } }'
NOVEL = '{ novel = { argument = "to" } }'


def test_what_is_left_of_a_budget() -> None:
    found = explained(policy_of(BUDGET), {"amount": 100}, past=Past(2, Decimal(300))).changes
    assert told(found[0]) == ("the sum of argument 'amount' within 1d", 501, ASKS)
    assert told(found[1]) == (AMOUNT, 201, ASKS)
    over = explained(policy_of(BUDGET), {"amount": 100}, past=Past(2, Decimal(450))).changes
    assert {told(each) for each in over} == {
        ("the sum of argument 'amount' within 1d", 500, FREE),
        (AMOUNT, 50, FREE),
    }


def test_what_is_left_of_a_rate() -> None:
    facts = replace(FACTS, run="r1")
    found = explained(policy_of(RATE), {}, facts, past=Past(1)).nearest
    assert told(found) == ("the number of actions within 1h per run", 4, ASKS)
    assert found is not None
    assert found.value == 2


@pytest.mark.parametrize(("count", "to", "level"), [(0, 1, FREE), (3, 0, ASKS)])
def test_a_first_time(count: int, to: int, level: str) -> None:
    found = explained(policy_of(NOVEL), {"to": "ann"}, past=Past(count))
    assert told(found.nearest) == ("earlier actions with argument 'to'", to, level)


def test_a_past_that_is_not_known_is_said_and_not_guessed() -> None:
    found = explained(policy_of(BUDGET), {"amount": 100})
    assert found.nearest is None
    assert found.untried == ("the sum of argument 'amount' within 1d, which is not known",)
    by_person = '{ rate = { within = "1h", per = { argument = "to" }, above = 1 } }'
    per = policy_of(f'{{ all = [{by_person}, {{ argument = "to", one_of = ["a", "b"] }}] }}')
    other = explained(per, {"to": "a"}, past=Past(0))
    assert other.nearest is not None
    assert other.nearest.what.startswith("the number")
    assert "argument 'to' with another past, which is not known" in other.untried


def test_what_cannot_be_tried_is_said() -> None:
    assert explained(policy_of('{ argument = "to", finds = "x" }'), {"to": "x"}).untried == (
        "argument 'to' against a regular expression",
    )
    hidden = mask(b"k", "r", "pay", ("to",), "x")
    assert explained(policy_of('{ argument = "to", equals = "x" }'), {"to": hidden}).untried == (
        "argument 'to', which is secret",
    )


def test_who_has_too_many_conditions_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "MOST_TRIED", 2)
    policy = policy_of(*(f'{{ argument = "a{n}", above = 5 }}' for n in range(5)), level="notify")
    found = explained(policy, {f"a{n}": 9 for n in range(5)})
    assert found.untried == ("more than 2 values at the edges of conditions",)


NIGHT = '{ time = { from = "20:00", to = "07:00", zone = "Europe/Berlin" } }'

# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("when", "at", "to"),
    [
        ('{ time = { from = "09:00", to = "17:00" } }', "2026-11-02T10:00:00+00:00", "2026-11-02T08:59:59+00:00"),
        ('{ time = { from = "09:00", to = "17:00" } }', "2026-11-02T16:50:00+00:00", "2026-11-02T17:00:00+00:00"),
        ('{ time = { from = "09:00", to = "17:00" } }', "2026-11-02T18:00:00+00:00", "2026-11-02T16:59:59+00:00"),
        (
            '{ time = { from = "20:00", to = "07:00", zone = "Europe/Berlin" } }',
            "2026-11-02T18:00:00+00:00",
            "2026-11-02T19:00:00+00:00",
        ),
        ('{ time = { weekdays = ["sat", "sun"] } }', "2026-11-05T00:00:00+00:00", "2026-11-07T00:00:00+00:00"),
        ('{ calendar = "off" }', "2026-11-05T00:00:00+00:00", "2026-11-04T23:59:59+00:00"),
        ('{ calendar = "off" }', "2026-12-30T00:00:00+00:00", "2026-12-31T00:00:00+00:00"),
        ('{ calendar = "off" }', "2027-02-20T00:00:00+00:00", "2027-02-10T23:59:59+00:00"),
    ],
)
def test_the_nearest_time(when: str, at: str, to: str) -> None:
    days = '[calendars.off]\ndays = [2026-11-04, "12-31", "02-29", { from = 2027-02-01, to = 2027-02-10 }]\n'
    facts = replace(FACTS, now=datetime.fromisoformat(at))
    found = explained(policy_of(when, more=days), {}, facts).nearest
    assert found is not None
    assert (found.what, datetime.fromisoformat(str(found.to))) == ("the time", datetime.fromisoformat(to))


def test_a_time_without_a_zone_or_at_the_end_of_all_time_changes_nothing() -> None:
    policy = policy_of('{ time = { from = "09:00", to = "17:00" } }')
    assert explained(policy, {}, replace(FACTS, now=MONDAY.replace(tzinfo=None))).nearest is None
    assert explained(policy, {}, replace(FACTS, now=datetime.max.replace(tzinfo=UTC))).rules


# ── whatever the policy ─────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=150, deadline=None)
@given(some.rule_lists(), some.defaults, some.actions, some.facts)
def test_each_change_alters_the_level_and_nothing_else_is_changed(
    rules: list[Rule], defaults: Defaults, action: Action, facts: Facts
) -> None:
    policy = Policy(rules, defaults=defaults)
    found = explain(policy, action, facts=facts)
    for each in found.changes:
        assert each.changed is not None
        changed, then = each.changed
        assert policy.decide(changed, facts=then) == each.ruling
        assert strictness(each.ruling) != strictness(found.ruling)
        assert _differences(action, facts, changed, then) == 1
        assert not each.ruling.doubtful
    assert [each.distance for each in found.changes] == sorted(each.distance for each in found.changes)


def _differences(action: Action, facts: Facts, changed: Action, then: Facts) -> int:
    assert (changed.tool, changed.origin) == (action.tool, action.origin)
    moved = [name for name in Facts.__slots__ if getattr(facts, name) is not getattr(then, name)]
    return len(moved) + (changed.arguments is not action.arguments)


whole = st.integers(-9, 9)
ops = st.sampled_from(["above", "at_least", "below", "at_most", "equals"])
questions = st.builds(lambda key, op, limit: argument(key, **{op: limit}), st.sampled_from("ab"), ops, whole)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(questions, some.LEVELS), min_size=1, max_size=4), whole, whole)
def test_no_single_number_nearer_alters_the_level(asked: list[tuple[Any, Level]], a: int, b: int) -> None:
    """Every whole number around is decided on: the oracle knows nothing of edges."""
    match = Match(tool=("pay",))
    policy = Policy(
        [Rule(id=f"r{n}", why="x", match=match, when=when, level=level) for n, (when, level) in enumerate(asked)]
    )
    arguments = {"a": a, "b": b}
    found = explained(policy, arguments)
    told = {each.what: each for each in found.changes}
    for key in "ab":
        nearest_of_all = _by_trying(policy, arguments, key, found.ruling)
        change = told.get(f"argument {key!r}")
        if change is None or not float(cast("float", change.to)).is_integer():
            assert change is None or _alters(policy, {**arguments, key: change.to}, found.ruling)
            apart = inf if change is None else abs(cast("float", change.to) - arguments[key])
            assert (inf if nearest_of_all is None else nearest_of_all) >= apart
        else:
            assert abs(cast("int", change.to) - arguments[key]) == nearest_of_all


def _alters(policy: Policy, arguments: dict[str, Any], ruling: Ruling) -> bool:
    return strictness(policy.decide(Action(tool="pay", arguments=arguments), facts=FACTS)) != strictness(ruling)


def _by_trying(policy: Policy, arguments: dict[str, int], key: str, ruling: Ruling) -> int | None:
    """How far the nearest whole number is away at which the level is another."""
    for apart in range(1, 40):
        for to in (arguments[key] - apart, arguments[key] + apart):
            then = policy.decide(Action(tool="pay", arguments={**arguments, key: to}), facts=FACTS)
            if strictness(then) != strictness(ruling):
                return apart
    return None


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 24 * 60 - 1))
def test_no_time_nearer_alters_the_level(opens: int, lasts: int, minute: int) -> None:
    """Every minute of three days is decided on."""
    start, end = opens * 10, (opens * 10 + lasts * 10 + 10) % (24 * 60)
    if start == end:
        return
    clock = "{0:02d}:{1:02d}".format
    window = f'{{ time = {{ from = "{clock(*divmod(start, 60))}", to = "{clock(*divmod(end, 60))}" }} }}'
    policy = policy_of(window)
    now = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(minutes=minute, seconds=30)
    found = explained(policy, {}, replace(FACTS, now=now))
    apart = next(
        apart
        for apart in range(1, 24 * 60 + 1)
        for to in (now - timedelta(minutes=apart), now + timedelta(minutes=apart))
        if _level(policy, to) != found.ruling.level
    )
    assert found.nearest is not None
    away = abs(datetime.fromisoformat(str(found.nearest.to)) - now)
    assert timedelta(minutes=apart - 1) < away <= timedelta(minutes=apart)


def _level(policy: Policy, now: datetime) -> Level:
    return policy.decide(Action(tool="pay"), facts=replace(FACTS, now=now)).level
