"""What the library logs: under which names, about which run, and never what agents and people say.

`LOGGERS` are all the names. A handler with `Placed` has on each record where it was written: run, request, turn,
worker, and the trace that is under way. What is raised is logged by its kind and its place; see `without_words`.
"""

from __future__ import annotations

from .names import LOGGERS
from .places import PLACE, Place, Placed, placed
from .without_words import WITHOUT_WORDS, WithoutWords, named, said_of, tell_all
from .written import FIELDS, JsonLines

__all__ = [
    "FIELDS",
    "LOGGERS",
    "PLACE",
    "WITHOUT_WORDS",
    "JsonLines",
    "Place",
    "Placed",
    "WithoutWords",
    "named",
    "placed",
    "said_of",
    "tell_all",
]
