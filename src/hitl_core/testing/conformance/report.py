"""What came of trying an adapter: one result per behaviour, as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .promises import PROMISES


class Outcome(StrEnum):
    """`passed`, or `refused` by name as declared; `failed` and `not_run` count as no."""

    PASSED = "passed"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_RUN = "not_run"

    @property
    def good(self) -> bool:
        return self in (Outcome.PASSED, Outcome.REFUSED)


@dataclass(frozen=True, slots=True)
class Result:
    """One behaviour that was tried."""

    promise: str
    behaviour: str
    outcome: Outcome
    because: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """All results of one adapter. `versions`: packages and their versions. `capabilities`: level and reason of each."""

    adapter: str
    versions: dict[str, str]
    capabilities: dict[str, tuple[str, str]]
    results: tuple[Result, ...] = field(default_factory=tuple)

    @property
    def good(self) -> bool:
        """Whether something was tried, and nothing failed or was left out."""
        return bool(self.results) and all(each.outcome.good for each in self.results)

    def of(self, promise: str) -> list[Result]:
        return [each for each in self.results if each.promise == promise]

    def count(self) -> dict[str, int]:
        """How many behaviours had each outcome."""
        found = Counter(each.outcome for each in self.results)
        return {outcome.value: found[outcome] for outcome in Outcome}

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data; without times, so that the same outcome is the same file."""
        return {
            "adapter": self.adapter,
            "versions": self.versions,
            "good": self.good,
            "count": self.count(),
            "capabilities": {
                name: {"level": level, "because": because} for name, (level, because) in self.capabilities.items()
            },
            "results": [
                {
                    "promise": each.promise,
                    "behaviour": each.behaviour,
                    "outcome": each.outcome.value,
                    "because": each.because,
                }
                for each in self.results
            ],
        }

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """One row per promise: its number, how its behaviours went, and its sentence."""
        for promise, sentence in PROMISES.items():
            found = Counter(each.outcome for each in self.of(promise))
            if found:
                yield promise, ", ".join(f"{number} {outcome.value}" for outcome, number in found.items()), sentence

    def notes(self) -> Iterator[Result]:
        """The results that have something to say."""
        return (each for each in self.results if each.outcome is not Outcome.PASSED)
