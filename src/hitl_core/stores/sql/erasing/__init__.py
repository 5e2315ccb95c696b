"""Erasing: what a run has said, and who a person is. Each is one transaction, and a line of the trail says so."""

from .persons import erase_person
from .runs import erasable, erase_run

__all__ = [
    "erasable",
    "erase_person",
    "erase_run",
]
