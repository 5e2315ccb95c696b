"""The audit trail: a chain that shows what was edited, deleted, reordered, inserted, truncated or rewritten.

chain    seals each line with the one before it
keys     the secret, kept outside the database
anchor   signed notes of how long the trail was, in a second place
verify   reads it all again and says what does not fit, and where
"""

from .anchor import Anchor, Anchors
from .chain import Chain
from .custody import Custody
from .keys import load_or_create, new_secret
from .report import Fault, Finding, Report
from .verify import Verifier, verify, verify_entries

__all__ = [
    "Anchor",
    "Anchors",
    "Chain",
    "Custody",
    "Fault",
    "Finding",
    "Report",
    "Verifier",
    "load_or_create",
    "new_secret",
    "verify",
    "verify_entries",
]
