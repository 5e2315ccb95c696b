"""Policies written in Python: the same rules, the same refusals; and what a `Policy` is besides its decisions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from hitl_core.errors import PolicyInvalid
from hitl_core.policy import (
    POLICY_ASK_EVERYTHING,
    All,
    Argument,
    Defaults,
    During,
    Escalate,
    Facts,
    Glob,
    Match,
    Not,
    Policy,
    Rule,
    Where,
    argument,
    budget,
    confidence,
    context,
)
from hitl_core.policy.deciding.decide import MOST_PLANS
from hitl_core.policy.deciding.plan import MOST_RULES
from hitl_core.protocol import ALWAYS, Action, Approvers, Escalation, Hours, Level, OnTimeout, Origin

FACTS = Facts(now=datetime(2026, 11, 2, 10, 0, tzinfo=UTC), reversible=True)
SMALL = Rule(
    id="small-refunds",
    why="Small refunds are routine.",
    match=Match(tool=("issue_refund",)),
    when=All((argument("amount", at_most=50), confidence(at_least=0.8), Not(context("vip", equals=True)))),
    level=Level.NOTIFY,
    veto=timedelta(seconds=30),
)
TOML = """
[[rules]]
id = "small-refunds"
why = "Small refunds are routine."
match = { tool = "issue_refund" }
when.all = [
    { argument = "amount", at_most = 50 },
    { confidence = { at_least = 0.8 } },
    { not = { context = "vip", equals = true } },
]
level = "notify"
veto = "30s"
"""


def test_the_file_makes_the_same_records() -> None:
    assert Policy.from_toml(TOML).rules == (SMALL,)


def test_the_helpers_read_nested_tests_and_types_as_the_file_does() -> None:
    text = 'id = "x"\nwhy = "x"\neffect = "deny"\nwhen = { argument = "a", %s }\n'
    nested: dict[str, Any] = {"type": "text", "length": {"above": 0.5}}
    for written, made in [
        ('every = { type = "text", length = { above = 0.5 } }', argument("a", every=nested)),
        ("equals = { b = [1, 0.1] }", argument("a", equals={"b": [1, 0.1]})),
    ]:
        (rule,) = Policy.from_toml("[[rules]]\n" + text % written).rules
        assert rule.when == made


def test_everything_a_rule_says_is_in_the_ruling() -> None:
    approvers = Approvers(roles=("finance",), users=("ada",))
    rule = Rule(
        id="pay",
        why="Money leaves.",
        match=Match(tool=("pay",), reversible=True),
        level=Level.CONFIRM,
        approvers=approvers,
        deadline=timedelta(hours=2),
        on_timeout=OnTimeout.PROCEED,
        allow_timeout_approval=True,
    )
    ruling = Policy([rule], version="7").decide(Action(tool="pay"), facts=FACTS)
    lapses = "Money leaves. (If nobody answers in time it runs: this rule allows that.)"
    assert (ruling.rule, ruling.version, ruling.why) == ("pay", "7", lapses)
    assert (ruling.approvers, ruling.deadline_seconds) == (approvers, 7_200)
    assert (ruling.on_timeout, ruling.veto_seconds) == (OnTimeout.PROCEED, None)


def test_a_veto_window_waits_and_is_gone_where_the_action_asks() -> None:
    action = Action(tool="issue_refund", arguments={"amount": 5})
    facts = replace(FACTS, confidence=0.9, context={"vip": False})
    policy = Policy([SMALL])
    announced = policy.decide(action, facts=facts)
    assert (announced.level, announced.veto_seconds, announced.asks) == (Level.NOTIFY, 30, True)
    asked = policy.decide(action, facts=replace(facts, reversible=False))
    assert (asked.level, asked.veto_seconds) == (Level.CONFIRM, None)
    doubted = policy.decide(action, facts=replace(facts, confidence=None))
    assert (doubted.level, doubted.veto_seconds) == (Level.CONFIRM, None)


def test_a_doubt_never_proceeds_by_itself() -> None:
    rule = Rule(
        id="pay",
        why="Money leaves.",
        match=Match(tool=("pay",), reversible=True),
        when=argument("n", at_most=5),
        level=Level.CONFIRM,
        deadline=timedelta(hours=2),
        on_timeout=OnTimeout.PROCEED,
        allow_timeout_approval=True,
    )
    policy = Policy([rule])
    sure = policy.decide(Action(tool="pay", arguments={"n": 1}), facts=FACTS)
    doubted = policy.decide(Action(tool="pay"), facts=FACTS)
    assert (sure.on_timeout, doubted.on_timeout) == (OnTimeout.PROCEED, OnTimeout.REFUSE)
    ends = replace(rule, on_timeout=OnTimeout.CANCEL_RUN, allow_timeout_approval=False)
    assert Policy([ends]).decide(Action(tool="pay"), facts=FACTS).on_timeout is OnTimeout.CANCEL_RUN


def test_defaults_are_inherited() -> None:
    approvers = Approvers(roles=("lead",))
    defaults = Defaults(approvers=approvers, deadline=timedelta(hours=1), on_timeout=OnTimeout.CANCEL_RUN)
    rule = Rule(id="pay", why="x", match=Match(tool=("pay",)), level=Level.CONFIRM)
    own = replace(rule, id="own", match=Match(tool=("own",)), deadline=timedelta(hours=3), approvers=Approvers())
    policy = Policy([rule, own], defaults=defaults)
    for tool, who, seconds in [("pay", approvers, 3_600), ("own", Approvers(), 10_800), ("none", approvers, 3_600)]:
        ruling = policy.decide(Action(tool=tool), facts=FACTS)
        assert (ruling.approvers, ruling.deadline_seconds) == (who, seconds)
        assert ruling.on_timeout is OnTimeout.CANCEL_RUN


def test_who_is_asked_later_is_inherited_too() -> None:
    hour = timedelta(hours=1)
    defaults = Defaults(remind=(hour,), escalate=(Escalate(after=2 * hour, roles=("lead",)),))
    rule = Rule(id="pay", why="x", match=Match(tool=("pay",)), level=Level.CONFIRM, batch=True)
    own = Rule(id="own", why="x", match=Match(tool=("own",)), level=Level.CONFIRM, remind=(3 * hour,))
    policy = Policy([rule, own], defaults=defaults)
    for tool, seconds, batch in [("pay", 3_600, True), ("own", 10_800, False), ("none", 3_600, False)]:
        ruling = policy.decide(Action(tool=tool), facts=FACTS)
        assert (ruling.remind_seconds, ruling.batch) == ((seconds,), batch)
        assert ruling.escalation == (Escalation(after_seconds=7_200, roles=("lead",)),)


def test_working_hours_are_inherited_and_can_be_taken_away() -> None:
    office = Hours(name="office", opens=time(9), closes=time(17))
    defaults = Defaults(deadline=timedelta(hours=1), hours=office)
    rule = Rule(id="pay", why="x", match=Match(tool=("pay",)), level=Level.CONFIRM)
    policy = Policy([rule, replace(rule, id="own", match=Match(tool=("own",)), hours=ALWAYS)], defaults=defaults)
    for tool, hours in [("pay", office), ("own", None), ("none", office)]:
        assert policy.decide(Action(tool=tool), facts=FACTS).hours == hours


def test_working_hours_of_a_file_leave_out_the_days_of_its_calendars() -> None:
    text = """
    [calendars.off]
    days = [2026-11-02, "12-24", { from = 2026-12-28, to = 2026-12-31 }]
    [hours.office]
    closed = ["off"]
    [defaults]
    deadline = "1h"
    hours = "office"
    """
    hours = Policy.from_toml(text).decide(Action(tool="any"), facts=FACTS).hours
    assert hours is not None
    assert (len(hours.dates), hours.yearly, len(hours.spans)) == (1, ((12, 24),), 1)
    assert hours.later(FACTS.now, 60).day == 3


@pytest.mark.parametrize(
    ("hours", "fault"),
    [
        (Hours(name="half", opens=time(9)), "hours: needs both from and to"),
        (Hours(name="back", opens=time(9), closes=time(9)), "hours.to: must be later on the same day"),
        (Hours(name="far", zone="Mars/Olympus"), "hours.zone: this machine knows no time zone"),
    ],
)
def test_working_hours_in_python_are_checked_too(hours: Hours, fault: str) -> None:
    rule = Rule(id="pay", why="x", match=Match(tool=("pay",)), level=Level.CONFIRM, deadline=timedelta(1), hours=hours)
    with pytest.raises(PolicyInvalid, match=re.escape(f"rules[0].{fault}")):
        Policy([rule])
    inherited = Defaults(deadline=timedelta(1), hours=hours)
    with pytest.raises(PolicyInvalid, match=re.escape(f"defaults.{fault}")):
        Policy(defaults=inherited)
    with pytest.raises(PolicyInvalid, match=re.escape(f"environments.test.defaults.{fault}")):
        Policy(overlays={"test": inherited})


def test_the_agent_is_who_the_facts_say_or_the_origin_of_the_action() -> None:
    rule = Rule(id="x", why="x", match=Match(agent=("intern",)), effect="deny")
    action = Action(tool="t", origin=Origin(agent="intern"))
    assert Policy([rule]).decide(action, facts=FACTS).denied
    assert not Policy([rule]).decide(action, facts=replace(FACTS, agent="boss")).denied


def test_versions() -> None:
    assert Policy([SMALL], version="2026-11-01").version == "2026-11-01"
    assert Policy([SMALL]).version == Policy([SMALL]).version
    assert Policy([SMALL]).version != Policy([replace(SMALL, why="Other.")]).version
    assert Policy([SMALL]).version.startswith("sha256:")
    assert Policy.from_toml(TOML).version != Policy.from_toml(TOML + "\n").version
    assert Policy.from_toml('version = "7"').version == "7"
    assert POLICY_ASK_EVERYTHING.version == "ask-everything"
    assert repr(Policy([SMALL], version="7")) == "Policy(<1 rules>, version='7')"


DIGEST = """
from datetime import date
from hitl_core.policy import Match, OnDays, Policy, Rule
december = frozenset(date(2026, 12, day) for day in range(1, 20))
days = OnDays("rest", dates=december, yearly=frozenset({(5, 1), (1, 1), (12, 24)}))
print(Policy([Rule(id="x", why="x", match=Match(tool=("pay",)), when=days, effect="deny")]).version)
"""


def test_the_digest_of_the_same_rules_is_the_same_in_every_process() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_rules_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        SMALL.level = Level.AUTONOMOUS  # type: ignore[misc]


def test_problems_are_refused_as_in_a_file() -> None:
    rule = replace(SMALL, level=Level.CONFIRM, when=All(()), approvers=Approvers(quorum=2))
    with pytest.raises(PolicyInvalid) as caught:
        Policy([rule, SMALL], version="")
    assert [str(fault) for fault in caught.value.faults] == [
        "version: must have 1 to 256 characters",
        "rules[0].when.all: has no conditions in it",
        'rules[0].veto: needs level = "notify": announced, then run unless somebody vetoes',
        "rules[0].approvers: several people cannot agree to what runs unless one of them objects; take veto away",
        "rules[1].id: 'small-refunds' is the id of rules[0] already",
    ]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Rule(id="x", why="x", match=Match(tool="pay"), effect="deny"), "must be a tuple of names, got 'pay'"),  # type: ignore[arg-type]
        (Rule(id="x", why="x", when=Where(Argument(()), ()), effect="deny"), "is no path"),
        (Rule(id="x", why="x", when=argument("a", every=5), effect="deny"), "must be a table of tests"),
        (Rule(id="x", why="x", when=argument("a", equals=None), effect="deny"), "cannot be null"),
        (Rule(id="x", why="x", when=argument("a", equals=b"x"), effect="deny"), "must be text, a number"),
        (Rule(id="x", why="x", when=argument("a", equals={"b": object()}), effect="deny"), "must be text"),
        (Rule(id="x", why="x", when=During(), effect="deny"), "names neither hours"),
        (Rule(id="x", why="x", match=Match(tool=(Glob("x"),)), effect="deny"), "neither * nor ?"),
        (Rule(id="x", why="x", match=Match(tool=("x",)), level=Level.CONFIRM, deadline=timedelta()), "no time at all"),
    ],
)
def test_what_only_python_can_get_wrong(rule: Rule, problem: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        Policy([rule])
    assert problem in str(caught.value)


def test_a_test_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="at_mots"):
        argument("amount", at_mots=5)


def test_too_many_rules() -> None:
    with pytest.raises(PolicyInvalid, match="100,001 rules are too many"):
        Policy([SMALL] * (MOST_RULES + 1))


# ── what is not JSON, and other surprises ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j])
def test_arguments_that_are_not_json_ask(value: Any) -> None:
    rule = Rule(id="x", why="x", match=Match(tool=("t",)), when=argument("v", equals=5), level=Level.AUTONOMOUS)
    ruling = Policy([rule]).decide(Action.model_construct(tool="t", arguments={"v": value}), facts=FACTS)
    assert ruling.level is Level.CONFIRM
    assert "which is not JSON" in ruling.why


def test_an_internal_error_asks_and_shows_no_values() -> None:
    class Odd(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            raise RuntimeError("the customer's secret")

    rule = Rule(id="x", why="x", match=Match(tool=("t",)), when=argument("v", equals=5), level=Level.AUTONOMOUS)
    ruling = Policy([rule]).decide(Action.model_construct(tool="t", arguments=Odd()), facts=FACTS)
    assert (ruling.level, ruling.rule) == (Level.CONFIRM, "x")
    assert "an internal RuntimeError" in ruling.why
    assert "secret" not in ruling.why


def test_facts_that_cannot_be_used_ask() -> None:
    broken = replace(FACTS, tags=5)  # type: ignore[arg-type]
    ruling = Policy([SMALL]).decide(Action(tool="issue_refund"), facts=broken)
    assert (ruling.level, ruling.rule) == (Level.CONFIRM, "default")
    assert ruling.why == "The policy could not be applied: an internal TypeError. So it asks."


def test_deep_arguments_ask() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    rule = Rule(id="x", why="x", match=Match(tool=("t",)), when=argument("v", equals=[[[]]]), level=Level.AUTONOMOUS)
    policy = Policy([rule])
    assert policy.decide(Action(tool="t", arguments={"v": [[[]]]}), facts=FACTS).level is Level.AUTONOMOUS
    assert policy.decide(Action.model_construct(tool="t", arguments={"v": deep}), facts=FACTS).asks


def test_a_long_text_is_not_searched() -> None:
    rule = Rule(id="x", why="x", match=Match(tool=("t",)), when=argument("v", finds="a+b"), effect="deny")
    policy = Policy([rule])
    assert not policy.decide(Action(tool="t", arguments={"v": "a" * 10_000}), facts=FACTS).denied
    ruling = policy.decide(Action(tool="t", arguments={"v": "a" * 10_001}), facts=FACTS)
    assert ruling.denied
    assert "more than 10,000 characters" in ruling.why


# ── cost ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_the_rules_about_a_tool_are_looked_at() -> None:
    exact = [Rule(id=f"e{n}", why="x", match=Match(tool=(f"tool{n}",)), effect="deny") for n in range(1_000)]
    globs = [Rule(id=f"g{n}", why="x", match=Match(tool=(Glob(f"tool{n}*"),)), effect="deny") for n in range(1_000)]
    policy = Policy([*exact, *globs])
    plan = policy.plan(Action(tool="tool123"), FACTS)
    assert [entry.rule.id for entry in plan.entries] == ["e123", "g1", "g12", "g123"]
    assert policy.plan(Action(tool="tool123"), FACTS) is plan


def test_invented_names_do_not_fill_the_memory() -> None:
    policy = Policy([])
    for number in range(MOST_PLANS + 10):
        policy.decide(Action.model_construct(tool=f"t{number}", arguments={}), facts=FACTS)
    assert len(policy._plans) <= MOST_PLANS


def test_windows_and_paths_of_the_past_are_checked_in_python_too() -> None:
    rule = replace(SMALL, veto=None, level=Level.CONFIRM, when=budget("a..b", within=timedelta(days=400), above=5))
    with pytest.raises(PolicyInvalid) as caught:
        Policy([rule])
    assert [str(fault) for fault in caught.value.faults] == [
        "rules[0].when.budget.argument: is no path; write it like amount or customer.id",
        "rules[0].when.budget.within: is more than 366 days",
    ]
