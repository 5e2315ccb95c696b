"""Reading a node's source: where its `interrupt()` calls are, and what is done with the value each returns.

source → statements → expressions → events → usage. Nothing is run. What cannot be followed is noted as opaque, and an
opaque use is never inferred from.
"""

from .events import Event, What
from .scan import Scan, read_function
from .source import functions_of, plain, tree_of, wrappers_of
from .statements import swallowing
from .usage import Site, Use

__all__ = [
    "Event",
    "Scan",
    "Site",
    "Use",
    "What",
    "functions_of",
    "plain",
    "read_function",
    "swallowing",
    "tree_of",
    "wrappers_of",
]
