"""The policy: when to ask, whom, and why. Pure: no clock, no files after loading, a decision never raises.

    TOML file ── load ─► rules ── Policy ─► decide(action, facts=…) ─► Ruling (level, approvers, deadline …)

A deny beats every level, a stricter level beats a laxer one, and the first in the file beats its equals. What
no rule is about asks; what cannot be checked asks; what is not known to be reversible never falls below
confirm without a reason written in the rule. The file format: `docs/policy.md`.
"""

from .conditions import (
    All,
    AnyOf,
    Argument,
    Condition,
    Confidence,
    ContextValue,
    During,
    Not,
    Op,
    Test,
    Where,
    argument,
    confidence,
    context,
)
from .decide import POLICY_ASK_EVERYTHING, Policy
from .explain import Explanation, Fate, Weighed, explain
from .faults import PolicyFault
from .rules import DEFAULT_RULE, Defaults, Facts, Glob, Match, Rule
from .values import Type

__all__ = [
    "DEFAULT_RULE",
    "POLICY_ASK_EVERYTHING",
    "All",
    "AnyOf",
    "Argument",
    "Condition",
    "Confidence",
    "ContextValue",
    "Defaults",
    "During",
    "Explanation",
    "Facts",
    "Fate",
    "Glob",
    "Match",
    "Not",
    "Op",
    "Policy",
    "PolicyFault",
    "Rule",
    "Test",
    "Type",
    "Weighed",
    "Where",
    "argument",
    "confidence",
    "context",
    "explain",
]
