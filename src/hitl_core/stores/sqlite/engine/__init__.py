"""How commands reach the file: queued, batched, one transaction per batch, dispatched to one function each."""

from .dispatch import IDLE, QUERIES
from .engine import Engine
from .writer import SOLO, Writer

__all__ = [
    "IDLE",
    "QUERIES",
    "SOLO",
    "Engine",
    "Writer",
]
