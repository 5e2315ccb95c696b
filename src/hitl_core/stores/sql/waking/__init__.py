"""Waiting for a change of the store: who listens, and how they are woken."""

from .changes import Changes, Count
from .doorbell import Doorbell

__all__ = ["Changes", "Count", "Doorbell"]
