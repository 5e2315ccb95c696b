"""The policy: decision time over the number of rules, against validating the action's record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hitl_core.policy import Facts, Past, Policy
from hitl_core.protocol import Action

from .yardsticks import Figure, median, microseconds, timed

BATCH = 200
ROUNDS = 30


def figures() -> Iterator[Figure]:
    """Decisions at 50, 1,000 and 10,000 rules, and with a look at the past, interleaved with reading the action."""
    action = Action(tool="tool_17", arguments={"amount": 120.5, "order": "A-1042"})
    facts = Facts(now=datetime.now(UTC), backend="plain", environment="default")
    text = action.to_json()
    few, many, most = _policy(50), _policy(1000), _policy(10_000)
    past, known = _with_a_budget(action, facts)
    steps = {
        "few": lambda: [few.decide(action, facts=facts) for _ in range(BATCH)],
        "many": lambda: [many.decide(action, facts=facts) for _ in range(BATCH)],
        "most": lambda: [most.decide(action, facts=facts) for _ in range(BATCH)],
        "asks": lambda: [many.asks(action, facts=facts) for _ in range(BATCH)],
        "past": lambda: [(past.asks(action, facts=facts), past.decide(action, facts=known)) for _ in range(BATCH)],
        "record": lambda: [Action.model_validate_json(text) for _ in range(BATCH)],
    }
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            spent[name] += timed(step, 1)
    each = {name: median(values) / BATCH for name, values in spent.items()}
    shown = microseconds(each["many"])
    yield Figure("policy decision, 1,000 rules", shown, "50 rules", each["many"] / each["few"], 1.5)
    yield Figure("policy decision, 1,000 rules", shown, "validating the action", each["many"] / each["record"], 1.0)
    shown = microseconds(each["most"])
    yield Figure("policy decision, 10,000 rules", shown, "50 rules", each["most"] / each["few"], 1.5)
    shown = microseconds(each["asks"])
    yield Figure("no look at the past, 1,000 rules", shown, "policy decision", each["asks"] / each["many"], 1.0)
    shown = microseconds(each["past"])
    yield Figure("policy decision with a budget", shown, "validating the action", each["past"] / each["record"], 20.0)


def _with_a_budget(action: Action, facts: Facts) -> tuple[Policy, Facts]:
    """A policy with a budget for this action, and the facts with its answer."""
    policy = Policy.from_toml(
        '[[rules]]\nid = "budget"\nwhy = "A day has an end."\nmatch = { tool = "tool_17" }\nlevel = "confirm"\n'
        'when = { budget = { argument = "amount", within = "1d", per = { argument = "order" }, above = 500 } }\n'
    )
    history = {tally.question: Past(3, Decimal(100)) for tally in policy.asks(action, facts=facts)}
    return policy, replace(facts, history=history)


def _policy(rules: int) -> Policy:
    """Rules as people write them: most name a tool and a threshold, one in twenty matches by glob."""
    parts = []
    for number in range(rules):
        tool = f'{{ glob = "group_{number}.*" }}' if number % 20 == 19 else f'"tool_{number}"'
        parts.append(
            f'[[rules]]\nid = "rule-{number}"\nwhy = "Rule {number}."\nmatch = {{ tool = {tool} }}\n'
            f'when = {{ argument = "amount", at_least = {number} }}\nlevel = "confirm"\n'
        )
    return Policy.from_toml("\n".join(parts), name="bench")
