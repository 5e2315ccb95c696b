"""Working on runs: what applications hold, one turn of a run, judging an answer, leases, and the worker."""

from __future__ import annotations

from .batches import Answered, Batch, shown_digest
from .forgetting import Compacted, compact
from .granting import like
from .opened import INPUT_LIMIT, Settings
from .reach import Reach, reach
from .record import entries, record_of
from .runtime import Runtime
from .worker import Worker

__all__ = [
    "INPUT_LIMIT",
    "Answered",
    "Batch",
    "Compacted",
    "Reach",
    "Runtime",
    "Settings",
    "Worker",
    "compact",
    "entries",
    "like",
    "reach",
    "record_of",
    "shown_digest",
]
