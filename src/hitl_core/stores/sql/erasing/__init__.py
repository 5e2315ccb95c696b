"""Forgetting: what a run has said, who a person is, and what only going on needs of a run that is over.

Each is one transaction, and a line of the trail says so.
"""

from .compacting import compact_run, compactable
from .persons import erase_person
from .runs import erasable, erase_run

__all__ = [
    "compact_run",
    "compactable",
    "erasable",
    "erase_person",
    "erase_run",
]
