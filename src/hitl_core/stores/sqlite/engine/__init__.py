"""How commands reach the file: queued, batched, one transaction per batch."""

from .engine import Engine
from .writer import SOLO, Writer

__all__ = [
    "SOLO",
    "Engine",
    "Writer",
]
