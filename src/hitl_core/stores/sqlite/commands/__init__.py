"""What each store command does, one file per family. A command is one function inside one transaction."""

from . import decisions, deferring, effects, endings, grants, guidance, journal, runs, stops, timers
from .counting import own_effect, past, prune_history
from .runs import find
from .stops import covering, in_force

__all__ = [
    "covering",
    "decisions",
    "deferring",
    "effects",
    "endings",
    "find",
    "grants",
    "guidance",
    "in_force",
    "journal",
    "own_effect",
    "past",
    "prune_history",
    "runs",
    "stops",
    "timers",
]
