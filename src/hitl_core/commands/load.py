"""What waits in a store, and how fast it goes: for those who look after it. Counted up to a bound, never more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .kinds import Query
from .results import StopScope
from .workers import SeenWorker


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """Open requests that have something in common, and when the oldest was made (None where it cannot be read)."""

    name: str
    count: int
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What waits now. Where `counted_all` is False there is more than was counted: each number is "at least".

    `levels` are by level ("unknown" for what a release before this one has opened), `approvers` by who is asked, the
    largest first. `ready_since` is since when the run waits that has waited longest for a worker.
    """

    open: int
    levels: tuple[OpenGroup, ...]
    approvers: tuple[OpenGroup, ...]
    oldest: datetime | None
    ready: int
    ready_since: datetime | None
    running: int
    stops: Mapping[StopScope, int]
    counted_all: bool = True


@dataclass(frozen=True, slots=True)
class ReadLoad(Query[Load]):
    """What waits for people and for workers. Never more than `most` of each kind are counted."""

    most: int = 50_000


@dataclass(frozen=True, slots=True)
class Pace:
    """What has happened in the last `seconds`; `lags` are the seconds between an answer and the start of its resume."""

    seconds: float
    opened: int = 0
    decided: int = 0
    expired: int = 0
    lags: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadPace(Query[Pace]):
    """How fast it went in the last `seconds`, by the audit trail; where those have more than `lines`, by the last."""

    now: datetime
    seconds: float = 60.0
    lines: int = 10_000


@dataclass(frozen=True, slots=True)
class Workload:
    """What waits, how fast it goes, and who works, as it was `at` this time."""

    at: datetime
    load: Load
    pace: Pace
    workers: tuple[SeenWorker, ...]
