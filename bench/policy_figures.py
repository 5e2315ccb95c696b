"""The policy: decision time over the number of rules, against validating the action's record.

The rules are those of an organisation: groups of twenty that belong to one desk each, most of them about one tool by
its name and a threshold, others by a glob, a tag, a tree of conditions, an environment, a budget or a rate. The same
number of actions is spread evenly over all desks, some met by a glob and some by no rule, and each decision looks at
the past where its rules ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from hitl_core.policy import Facts, Past, Policy
from hitl_core.protocol import Action, Arguments

from .yardsticks import Figure, median, microseconds, working

ROUNDS = 40
SIZES = (50, 1_000, 10_000)
DESK = 20
"""Rules of one desk, and tools and thresholds that they are about."""
ASKED = 24
"""Actions that one round decides on, at every size."""
FLAT = 1.5
FIRST = 2.0
"""Once per shape: what is looked at then lies all over the memory that the rules take, which a busy machine shows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One action to be decided on, with facts as the gate finds them."""

    action: Action
    facts: Facts


def figures() -> Iterator[Figure]:
    """Decisions at 50, 1,000 and 10,000 rules, known shapes and first ones, interleaved with reading actions."""
    policies = {size: _policy(size) for size in SIZES}
    asked = {size: list(_asked(size)) for size in SIZES}
    steps: dict[str, Callable[[], object]] = {}
    for size, policy in policies.items():
        steps[f"known {size}"] = partial(_decide, policy, asked[size])
        steps[f"first {size}"] = partial(_decide_anew, policy, asked[size])
        steps[f"asks {size}"] = partial(_asks, policy, asked[size])
    steps["record"] = partial(_validate, [each.action.to_json() for each in asked[SIZES[0]]])
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            spent[name] += working(step, 1)
    return _flat({name: median(values) / ASKED for name, values in spent.items()})


def _flat(each: dict[str, float]) -> Iterator[Figure]:
    few = SIZES[0]
    for size in SIZES[1:]:
        shown, rules = microseconds(each[f"known {size}"]), f"{size:,} rules"
        ratio = each[f"known {size}"] / each[f"known {few}"]
        yield Figure(f"policy decision, {rules}", shown, f"{few} rules", ratio, FLAT, binding=True)
        ratio = each[f"known {size}"] / each["record"]
        yield Figure(f"policy decision, {rules}", shown, "validating the action", ratio, 10.0)
        shown, ratio = microseconds(each[f"first {size}"]), each[f"first {size}"] / each[f"first {few}"]
        yield Figure(f"… of a shape for the first time, {rules}", shown, f"{few} rules", ratio, FIRST, binding=True)
        shown, ratio = microseconds(each[f"asks {size}"]), each[f"asks {size}"] / each[f"known {size}"]
        yield Figure(f"… what it asks of the past, {rules}", shown, "policy decision", ratio, 1.0)


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────


def _decide(policy: Policy, asked: list[Asked]) -> None:
    """As the gate decides: what the rules ask of the past, an answer, the ruling."""
    for each in asked:
        tallies = policy.asks(each.action, facts=each.facts)
        known = {tally.question: Past(3, Decimal(100)) for tally in tallies}
        policy.decide(each.action, facts=replace(each.facts, history=known) if known else each.facts)


def _decide_anew(policy: Policy, asked: list[Asked]) -> None:
    policy._plans.clear()  # actions of shapes that this policy has not met
    _decide(policy, asked)


def _asks(policy: Policy, asked: list[Asked]) -> None:
    for each in asked:
        policy.asks(each.action, facts=each.facts)


def _validate(texts: list[str]) -> None:
    for text in texts:
        Action.model_validate_json(text)


# ── rules and actions ────────────────────────────────────────────────────────────────────────────────────────


def _asked(rules: int) -> Iterator[Asked]:
    """The same actions at every size, at desks that are spread over the whole policy."""
    desks = max(1, rules // DESK)
    tools = ("refund_0", "refund_3", "refund_7", "mail.send", "pay", "search", "note", "never_heard_of")
    for number in range(ASKED):
        desk = number * desks // ASKED
        arguments: Arguments = {"amount": 120.5, "order": f"A-{number}", "customer": {"country": "DE", "tier": "gold"}}
        facts = Facts(
            now=datetime(2026, 11, 24, 10, tzinfo=UTC),
            backend="plain",
            environment="production",
            agent="clerk",
            tags=frozenset({f"desk-{desk}"}) if number % 4 == 0 else frozenset(),
            reversible=number % 2 == 0,
            confidence=0.9,
            run="r",
        )
        yield Asked(Action(tool=f"desk_{desk}.{tools[number % len(tools)]}", arguments=arguments), facts)


def _policy(rules: int) -> Policy:
    parts = []
    for number in range(rules):
        match, when = _rule(*divmod(number, DESK))
        parts.append(
            f'[[rules]]\nid = "rule-{number}"\nwhy = "Rule {number}."\nmatch = {match}\n'
            f'{f"when = {when}" if when else ""}\nlevel = "confirm"\n'
        )
    return Policy.from_toml("\n".join(parts), name="bench")


def _rule(desk: int, place: int) -> tuple[str, str]:
    """The match and the condition of one rule of a desk."""
    tool = f"desk_{desk}"
    over = f'{{ argument = "amount", at_least = {100 + place} }}'
    match place:
        case 12 | 13:
            return f'{{ tool = {{ glob = "{tool}.mail.*" }} }}', '{ argument = "order", starts_with = "B-" }'
        case 14:
            return f'{{ tool = {{ glob = "*_{desk}.delete" }} }}', ""
        case 15:
            return f'{{ tags = "desk-{desk}" }}', "{ confidence = { below = 0.6 } }"
        case 16:
            elsewhere = '{ argument = "customer.country", one_of = ["US", "CA"] }'
            return f'{{ tool = "{tool}.pay" }}', f"{{ all = [{over}, {{ any = [{elsewhere}, {over}] }}] }}"
        case 17:
            return f'{{ tool = "{tool}.pay", environment = "staging" }}', over
        case 18:
            budget = '{ argument = "amount", within = "1d", per = { argument = "order" }, above = 500 }'
            return f'{{ tool = "{tool}.pay" }}', f"{{ budget = {budget} }}"
        case 19:
            return f'{{ tool = "{tool}.search" }}', '{ rate = { within = "1h", per = "agent", above = 50 } }'
        case _:
            return f'{{ tool = "{tool}.refund_{place % 10}" }}', over
