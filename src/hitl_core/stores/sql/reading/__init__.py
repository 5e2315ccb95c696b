"""What each query reads: the inbox, and everything else."""

from . import inbox, load, proposals, queries, trail, waiting

__all__ = [
    "inbox",
    "load",
    "proposals",
    "queries",
    "trail",
    "waiting",
]
