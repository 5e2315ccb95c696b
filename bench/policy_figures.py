"""The policy: decision time over the number of rules, against validating the action's record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from hitl_core.policy import Facts, Policy
from hitl_core.protocol import Action

from .yardsticks import Figure, median, microseconds, timed

BATCH = 200
ROUNDS = 30


def figures() -> Iterator[Figure]:
    """Decisions at 50 and 1,000 rules, interleaved with pydantic's validation of the action."""
    action = Action(tool="tool_17", arguments={"amount": 120.5, "order": "A-1042"})
    facts = Facts(now=datetime.now(UTC), backend="plain", environment="default")
    text = action.to_json()
    few, many = _policy(50), _policy(1000)
    steps = {
        "few": lambda: [few.decide(action, facts=facts) for _ in range(BATCH)],
        "many": lambda: [many.decide(action, facts=facts) for _ in range(BATCH)],
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
