"""Working on runs: what applications hold, one turn of a run, judging an answer, leases, and the worker."""

from __future__ import annotations

from .runtime import INPUT_LIMIT, Runtime, Settings
from .worker import Worker

__all__ = ["INPUT_LIMIT", "Runtime", "Settings", "Worker"]
