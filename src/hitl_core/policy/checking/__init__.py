"""What is wrong with a policy: every fault, with its place, whoever wrote the rules."""

from .check import LATER, LONGEST_NAME, policy_problems, repeated_ids
from .faults import KeyPath, PolicyFault, Problem, spell, unknown
from .operands import DEEPEST

__all__ = [
    "DEEPEST",
    "LATER",
    "LONGEST_NAME",
    "KeyPath",
    "PolicyFault",
    "Problem",
    "policy_problems",
    "repeated_ids",
    "spell",
    "unknown",
]
