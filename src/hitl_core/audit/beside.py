"""What is kept apart, held against the trail: is each value the one that was sealed, is each erasing recorded?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from ..protocol import AuditEntry, Sealed
from .apart import ERASING, brought_together, wrong
from .report import Fault, Finding


class Beside:
    """Takes lines whose seal fits, in order."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._gone: Counter[int] = Counter()
        self._recorded: dict[int, int] = {}
        self._lines: dict[int, int] = {}

    def compare(self, entry: AuditEntry) -> None:
        if entry.event in ERASING:
            self._recorded[entry.seq] = _recorded(entry)
        if entry.sealed is None:
            return
        sealed = entry.sealed
        faults = list(wrong(entry.event, sealed.actor, sealed.body, sealed.apart))
        if not faults and _shown(entry.event, sealed) != (entry.actor, entry.body):
            faults.append("what is shown is not what was sealed")
        self._found += [_unmatched(entry.seq, fault) for fault in faults]
        for each in sealed.apart:
            if each.erased is not None:
                self._gone[each.erased] += 1
                self._lines.setdefault(each.erased, entry.seq)

    def findings(self, *, complete: bool) -> list[Finding]:
        """What was found; whether what is gone was erased can be told of a `complete` trail only."""
        return [*self._found, *(self._unsaid() if complete else ())]

    def _unsaid(self) -> Iterator[Finding]:
        for by in self._gone.keys() | self._recorded.keys():
            gone, said = self._gone[by], self._recorded.get(by, 0)
            if gone != said:
                first = self._lines.get(by, by)
                message = f"{gone} names and texts are gone as erased by line {by}, which records {said}"
                yield Finding(Fault.UNSAID, first, first, message)


def _shown(event: str, sealed: Sealed) -> tuple[str, str]:
    return brought_together(event, sealed.actor, sealed.body, sealed.apart)


def _unmatched(seq: int, fault: str) -> Finding:
    return Finding(Fault.UNMATCHED, seq, seq, f"line {seq} fits its seal, but {fault}")


def _recorded(entry: AuditEntry) -> int:
    """How many values a line says that it erased; a release that kept none apart says nothing of them."""
    said = json.loads((entry.sealed or entry).body).get("apart", 0)
    return said if isinstance(said, int) else 0
