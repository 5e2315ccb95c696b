"""From rules to rulings: a policy is compiled once, planned per shape of action, and asked without ever raising.

decide ─► matching (which rules are about it) ─► plan (strictest first) ─► compiled (conditions) ─► rulings
"""

from .compiled import compiled, passes_all
from .covering import allowance_problems, amount_of, reasons_against
from .decide import POLICY_ASK_EVERYTHING, Policy
from .explain import Explanation, Fate, Weighed, explain
from .fetching import MISSING, walk
from .held import Held
from .looking import Looked
from .matching import Index, Shape, names_fit
from .nearest import Change
from .plan import Entry
from .rulings import ruling_of, strictness
from .tallying import scope_of

__all__ = [
    "MISSING",
    "POLICY_ASK_EVERYTHING",
    "Change",
    "Entry",
    "Explanation",
    "Fate",
    "Held",
    "Index",
    "Looked",
    "Policy",
    "Shape",
    "Weighed",
    "allowance_problems",
    "amount_of",
    "compiled",
    "explain",
    "names_fit",
    "passes_all",
    "reasons_against",
    "ruling_of",
    "scope_of",
    "strictness",
    "walk",
]
