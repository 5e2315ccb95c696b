"""From rules to rulings: a policy is compiled once, planned per shape of action, and asked without ever raising.

decide ─► matching (which rules are about it) ─► plan (strictest first) ─► compiled (conditions) ─► rulings
"""

from .covering import allowance_problems, amount_of, reasons_against
from .decide import POLICY_ASK_EVERYTHING, Policy
from .explain import Explanation, Fate, Weighed, explain
from .held import Held
from .looking import Looked
from .nearest import Change

__all__ = [
    "POLICY_ASK_EVERYTHING",
    "Change",
    "Explanation",
    "Fate",
    "Held",
    "Looked",
    "Policy",
    "Weighed",
    "allowance_problems",
    "amount_of",
    "explain",
    "reasons_against",
]
