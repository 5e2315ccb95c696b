"""Commands and the query about guidance: what people say to an agent while it works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..protocol import Guidance
from .kinds import Command, Query
from .results import Lease


@dataclass(frozen=True, slots=True)
class GiveGuidance(Command[Guidance]):
    """Queue guidance for a run. Raises RunNotFound, or RunFinished for a run that is over."""

    guidance: Guidance
    now: datetime


@dataclass(frozen=True, slots=True)
class TakeGuidance(Command[tuple[Guidance, ...]]):
    """Let what is queued enter at `place`: it is consumed there. Returns all that has entered at that place, oldest
    first, so that whoever comes there again finds the same.

    With `seals`, nothing enters there after the first time, which the run's journal remembers under `place`: for a
    place that is passed again when what follows it is not done again.
    """

    lease: Lease
    place: str
    now: datetime
    seals: bool = False


@dataclass(frozen=True, slots=True)
class ListGuidance(Query[tuple[Guidance, ...]]):
    """The guidance that a run was given, oldest first."""

    run_id: str
