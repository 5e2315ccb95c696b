"""Forgetting: what a run that is over has said is erased, by a person's order or because it is old enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..protocol import Run
from .kinds import Command, Query
from .results import ErasedPerson, Page


@dataclass(frozen=True, slots=True)
class EraseRun(Command[Run]):
    """Erase what a run was given, asked, told and what came of it: payloads, free texts and names.

    That it ran, what kind of things were asked and decided, and the audit trail stay. Erasing twice is harmless.
    Raises RunNotFound, or RunBusy for a run that is not over. `retention`: because of its age.
    """

    run_id: str
    by: str
    reason: str
    now: datetime
    retention: bool = False
    authenticated_by: str = "assertion"


@dataclass(frozen=True, slots=True)
class ErasePerson(Command[ErasedPerson]):
    """Put a pseudonym in the place of one person, in every run and in the trail; what they said is gone.

    All of it or nothing. Raises PersonNotErasable while something that is not over rests on them, PersonNotFound.
    """

    person: str
    by: str
    reason: str
    now: datetime
    authenticated_by: str = "assertion"


@dataclass(frozen=True, slots=True)
class ListErasable(Query[tuple[str, ...]]):
    """The runs that are over since before `before` and are not erased, oldest first, at most `limit`."""

    before: datetime
    limit: int = 100


@dataclass(frozen=True, slots=True)
class CompactRun(Command[int]):
    """Delete what only going on needs of a run that is over since before `before`: its checkpoint, journal and results.

    What people were shown, said and decided stays, and what counts for rules, and the audit trail, which gets a line.
    Nobody goes back in the run or takes back what it has done any more. Returns how many records are gone: 0 if the
    run is younger, is being undone, or has nothing left. Raises RunNotFound, or RunBusy for a run that is not over.
    """

    run_id: str
    before: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class ListCompactable(Query[Page[str]]):
    """The runs that are over since before `before` and of which not everything that CompactRun deletes is gone."""

    before: datetime
    limit: int = 100
    cursor: str | None = None
