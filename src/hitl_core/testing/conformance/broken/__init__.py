"""The teeth of the suite: adapters, stores and runtimes that break one promise each, for any framework.

Every one of them wraps a sound part. `tests/conformance/test_teeth.py` holds that each is caught by its promise.
"""

from typing import Any

from . import adapters, decisions, gating, levels, overseers, questions, rows, runtimes, stores, together
from .breaking import BROKEN, Broken

_ROOMS = (adapters, decisions, gating, levels, overseers, questions, rows, runtimes, stores, together)


def __getattr__(name: str) -> Any:
    """A broken part by its name, wherever it stands: this is how another process finds it."""
    for room in _ROOMS:
        if name in BROKEN and hasattr(room, name):
            return getattr(room, name)
    raise AttributeError(name)


__all__ = ["BROKEN", "Broken"]
