"""What commands about runs and effects do, one file per family. A command is one function in one transaction."""

from . import claims, effects, endings, grants, guidance, journal, runs, slips, stops, workers
from .counting import own_effect, past, prune_history
from .endings import cancel, is_erased
from .freezing import freeze, is_late, thaw, wake, wake_if_settled
from .runs import FIND, by_key, current, find
from .stops import covering, in_force
from .workers import WORKERS, seen_worker

__all__ = [
    "FIND",
    "WORKERS",
    "by_key",
    "cancel",
    "claims",
    "covering",
    "current",
    "effects",
    "endings",
    "find",
    "freeze",
    "grants",
    "guidance",
    "in_force",
    "is_erased",
    "is_late",
    "journal",
    "own_effect",
    "past",
    "prune_history",
    "runs",
    "seen_worker",
    "slips",
    "stops",
    "thaw",
    "wake",
    "wake_if_settled",
    "workers",
]
