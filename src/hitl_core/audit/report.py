"""What a verification found: every finding with its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Fault(StrEnum):
    """What can be wrong with a trail."""

    EDITED = "edited"
    MISSING = "missing"
    REORDERED = "reordered"
    INSERTED = "inserted"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    SWAPPED = "swapped"
    FORGED_ANCHOR = "forged_anchor"
    WRONG_KEY = "wrong_key"
    NO_ANCHORS = "no_anchors"
    ANCHORS_CUT = "anchors_cut"
    UNMATCHED = "unmatched"
    UNSAID = "unsaid"


CANNOT_TELL = (Fault.WRONG_KEY, Fault.NO_ANCHORS, Fault.ANCHORS_CUT)
"""Findings that say nothing against the trail, but leave it unproven."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with lines `first` to `last` (of the anchors, for a forged one)."""

    fault: Fault
    first: int
    last: int
    message: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.message}"


@dataclass(frozen=True, slots=True)
class Report:
    """`lines` were read; the newest of `anchors` valid anchors vouches for the first `anchored` of them.

    `unsealed` more are committed and not linked into the chain yet, the oldest since `waiting_since`.
    """

    origin: str
    lines: int
    anchors: int
    anchored: int
    findings: tuple[Finding, ...]
    unsealed: int = 0
    waiting_since: datetime | None = None

    @property
    def exit_code(self) -> int:
        """0: intact. 1: broken. 2: it cannot be told (another key, or no anchors)."""
        if not self.findings:
            return 0
        return 2 if all(each.fault in CANNOT_TELL for each in self.findings) else 1


def lines(first: int, last: int) -> str:
    """`line 3` or `lines 3 to 7`."""
    return f"line {first}" if first == last else f"lines {first} to {last}"
