"""Upkeep: what whoever runs a store does to it as a whole; no run and no person asks for any of it."""

from .checking import MOST_SHOWN, flaws
from .flaws import ADVICE, Flaw, Kind
from .moving import AT_ONCE, NOT_MOVED, TABLES, Leaving, Moved, Rows, Table, hand_over, verified
from .versions import Space, Versions

__all__ = [
    "ADVICE",
    "AT_ONCE",
    "MOST_SHOWN",
    "NOT_MOVED",
    "TABLES",
    "Flaw",
    "Kind",
    "Leaving",
    "Moved",
    "Rows",
    "Space",
    "Table",
    "Versions",
    "flaws",
    "hand_over",
    "verified",
]
