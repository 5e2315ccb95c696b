"""What each query reads: the inbox, and everything else."""

from . import inbox, queries

__all__ = [
    "inbox",
    "queries",
]
