"""What each store command does, one file per family. A command is one function inside one transaction."""

from . import decisions, deferring, effects, endings, grants, guidance, journal, runs, stops, timers
from .counting import own_effect, past
from .endings import is_erased
from .runs import current, find
from .stops import in_force

__all__ = [
    "current",
    "decisions",
    "deferring",
    "effects",
    "endings",
    "find",
    "grants",
    "guidance",
    "in_force",
    "is_erased",
    "journal",
    "own_effect",
    "past",
    "runs",
    "stops",
    "timers",
]
