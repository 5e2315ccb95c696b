"""A policy asked about what is not happening now: what has happened before, and the cases beside its file."""

from .cases import Tried, beside, situation_of, try_case, try_cases
from .ledger import Ledger, as_of

__all__ = [
    "Ledger",
    "Tried",
    "as_of",
    "beside",
    "situation_of",
    "try_case",
    "try_cases",
]
