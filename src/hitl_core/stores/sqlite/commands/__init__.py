"""What each store command does, one file per family. A command is one function inside one transaction."""

from . import decisions, deferring, effects, endings, grants, guidance, journal, persons, runs, stops, timers
from .counting import own_effect, past
from .runs import find
from .stops import in_force

__all__ = [
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
    "persons",
    "runs",
    "stops",
    "timers",
]
