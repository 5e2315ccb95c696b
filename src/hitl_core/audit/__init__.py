"""The audit trail: a chain that shows what was edited, deleted, reordered, inserted, truncated or rewritten.

chain    seals each line with the one before it
keys     the secret, kept outside the database
anchor   signed notes of how long the trail was, in a second place
verify   reads it all again and says what does not fit, and where
apart    names and texts, which are sealed as digests and can be erased
table    the trail as rows for a spreadsheet
account  what one run came to, for an auditor who has never seen this tool
"""

from .account import ELSEWHERE, Account, Chapter, Fact, RunRecord, account
from .anchor import Anchor, Anchors, hand_on_anchors, remembered_size
from .apart import Kept, brought_together, inside, is_kept_apart, set_apart
from .chain import Chain
from .custody import Custody
from .keys import hand_on, load_or_create, new_secret
from .report import Fault, Finding, Report
from .table import COLUMNS, cells
from .verify import Verifier, verify, verify_entries

__all__ = [
    "COLUMNS",
    "ELSEWHERE",
    "Account",
    "Anchor",
    "Anchors",
    "Chain",
    "Chapter",
    "Custody",
    "Fact",
    "Fault",
    "Finding",
    "Kept",
    "Report",
    "RunRecord",
    "Verifier",
    "account",
    "brought_together",
    "cells",
    "hand_on",
    "hand_on_anchors",
    "inside",
    "is_kept_apart",
    "load_or_create",
    "new_secret",
    "remembered_size",
    "set_apart",
    "verify",
    "verify_entries",
]
