"""What each query reads: the inbox, and everything else."""

from . import inbox, proposals, queries, trail

__all__ = [
    "inbox",
    "proposals",
    "queries",
    "trail",
]
