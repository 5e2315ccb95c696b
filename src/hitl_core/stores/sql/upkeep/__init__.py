"""Upkeep: what whoever runs a store does to it as a whole; no run and no person asks for any of it."""

from .checking import MOST_SHOWN, flaws
from .flaws import ADVICE, Flaw, Kind
from .versions import Space, Versions

__all__ = [
    "ADVICE",
    "MOST_SHOWN",
    "Flaw",
    "Kind",
    "Space",
    "Versions",
    "flaws",
]
