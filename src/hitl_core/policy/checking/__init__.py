"""What is wrong with a policy: every fault, with its place, whoever wrote the rules."""

from .check import LONGEST_NAME, overlay_problems, policy_problems, repeated_ids, rule_problems
from .condition import condition_problems, days_problems, hours_problems
from .faults import KeyPath, PolicyFault, Problem, below, spell, unknown
from .operands import DEEPEST

__all__ = [
    "DEEPEST",
    "LONGEST_NAME",
    "KeyPath",
    "PolicyFault",
    "Problem",
    "below",
    "condition_problems",
    "days_problems",
    "hours_problems",
    "overlay_problems",
    "policy_problems",
    "repeated_ids",
    "rule_problems",
    "spell",
    "unknown",
]
