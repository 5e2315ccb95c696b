"""A policy asked about what is not happening now: what has happened before, and the cases beside its file."""

from .backtest import Backtest, Backtested, Changed, Group, looks_back_to
from .cases import Tried, beside, situation_of, try_case, try_cases
from .ledger import Ledger, as_of
from .proposed import Came, Proposed

__all__ = [
    "Backtest",
    "Backtested",
    "Came",
    "Changed",
    "Group",
    "Ledger",
    "Proposed",
    "Tried",
    "as_of",
    "beside",
    "looks_back_to",
    "situation_of",
    "try_case",
    "try_cases",
]
