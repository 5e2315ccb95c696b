"""Working on runs: what applications hold, one turn of a run, judging an answer, leases, and the worker."""

from __future__ import annotations

from .opened import INPUT_LIMIT, Settings
from .reach import Reach, reach
from .runtime import Runtime
from .worker import Worker

__all__ = ["INPUT_LIMIT", "Reach", "Runtime", "Settings", "Worker", "reach"]
