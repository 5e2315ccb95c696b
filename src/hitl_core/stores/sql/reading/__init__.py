"""What each query reads: the inbox, and everything else."""

from . import following, inbox, load, proposals, queries, queue, trail, waiting

__all__ = [
    "following",
    "inbox",
    "load",
    "proposals",
    "queries",
    "queue",
    "trail",
    "waiting",
]
