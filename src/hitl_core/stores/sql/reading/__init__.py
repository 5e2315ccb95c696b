"""What each query reads: the inbox, and everything else."""

from . import inbox, proposals, queries, trail, waiting

__all__ = [
    "inbox",
    "proposals",
    "queries",
    "trail",
    "waiting",
]
