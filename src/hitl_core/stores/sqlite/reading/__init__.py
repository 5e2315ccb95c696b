"""What each query reads: the inbox, and everything else."""

from . import inbox, proposals, queries

__all__ = [
    "inbox",
    "proposals",
    "queries",
]
