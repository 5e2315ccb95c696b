"""The policy: when to ask, whom, and why. Pure: no clock, no files after loading, a decision never raises.

    file/ (TOML) ─► rules/ (records) ─► checking/ (every fault) ─► deciding/ Policy.decide(action, facts=…)
                                                                    ─► Ruling (level, approvers, deadline …)

A deny beats every level, a stricter level beats a laxer one, and the first in the file beats its equals. What
no rule is about asks; what cannot be checked asks; what is not known to be reversible never falls below
confirm without a reason written in the rule. The file format: `docs/policy.md`.
"""

from .checking import PolicyFault
from .deciding import POLICY_ASK_EVERYTHING, Explanation, Fate, Held, Policy, Weighed, explain
from .rules import (
    DEFAULT_RULE,
    All,
    AnyOf,
    Argument,
    Budget,
    Condition,
    Confidence,
    ContextValue,
    Defaults,
    During,
    Escalate,
    Facts,
    Glob,
    Match,
    Not,
    Novel,
    OnDays,
    Op,
    Past,
    Question,
    Rate,
    Rule,
    Tally,
    Test,
    Type,
    Where,
    argument,
    budget,
    confidence,
    context,
    parse_duration,
    rate,
)

__all__ = [
    "DEFAULT_RULE",
    "POLICY_ASK_EVERYTHING",
    "All",
    "AnyOf",
    "Argument",
    "Budget",
    "Condition",
    "Confidence",
    "ContextValue",
    "Defaults",
    "During",
    "Escalate",
    "Explanation",
    "Facts",
    "Fate",
    "Glob",
    "Held",
    "Match",
    "Not",
    "Novel",
    "OnDays",
    "Op",
    "Past",
    "Policy",
    "PolicyFault",
    "Question",
    "Rate",
    "Rule",
    "Tally",
    "Test",
    "Type",
    "Weighed",
    "Where",
    "argument",
    "budget",
    "confidence",
    "context",
    "explain",
    "parse_duration",
    "rate",
]
