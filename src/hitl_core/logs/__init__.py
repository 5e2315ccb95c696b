"""What the library logs: under which names, about which run, and never what agents and people say.

`LOGGERS` are all the names. A handler with `Placed` has on each record where it was written: run, request, turn,
worker, and the trace that is under way. What is raised is logged by its kind and its place; see `discreet`.
"""

from __future__ import annotations

from .discreet import DISCREET, Discreet, named, said_of, tell_all
from .names import LOGGERS
from .places import PLACE, Place, Placed, placed
from .written import FIELDS, JsonLines

__all__ = [
    "DISCREET",
    "FIELDS",
    "LOGGERS",
    "PLACE",
    "Discreet",
    "JsonLines",
    "Place",
    "Placed",
    "named",
    "placed",
    "said_of",
    "tell_all",
]
