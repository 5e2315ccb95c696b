"""What each store command does, one file per family. A command is one function inside one transaction."""

from . import decisions, effects, endings, journal, runs, stops, timers
from .runs import find
from .stops import in_force

__all__ = [
    "decisions",
    "effects",
    "endings",
    "find",
    "in_force",
    "journal",
    "runs",
    "stops",
    "timers",
]
