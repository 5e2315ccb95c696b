"""Commands that only write down: the journal, stops, audit lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..protocol import (
    Json,
)
from .kinds import Command
from .results import Lease, Note, Stop, StopScope


@dataclass(frozen=True, slots=True)
class Remember(Command[Json]):
    """Append a result to the run's journal under `key`. If the key is known, the recorded value comes back."""

    lease: Lease
    key: str
    value: Json
    now: datetime


@dataclass(frozen=True, slots=True)
class SetStop(Command[int]):
    """Put a stop in force and freeze the open requests it covers; returns how many were frozen."""

    stop: Stop
    authenticated_by: str = "assertion"


@dataclass(frozen=True, slots=True)
class LiftStop(Command[int]):
    """Lift a stop and thaw the requests that no other stop covers; returns how many. Lifting twice is harmless.

    With `by_another`, raises NotPermitted for whoever put it in force; that is recorded.
    """

    scope: StopScope
    target: str
    reason: str
    by: str
    now: datetime
    by_another: bool = False
    authenticated_by: str = "assertion"


@dataclass(frozen=True, slots=True)
class WriteNote(Command[None]):
    """Append one line to the audit trail."""

    note: Note
    now: datetime
