"""What each query reads: the inbox, and everything else."""

from . import inbox, queries, trail

__all__ = [
    "inbox",
    "queries",
    "trail",
]
