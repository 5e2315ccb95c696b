"""Workers: who is there, what waits for one, and giving a run back before its turn is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .kinds import Command, Query
from .results import Lease


@dataclass(frozen=True, slots=True)
class Loads:
    """What can be worked on in a process: its app, which versions of it, and which forms of checkpoints.

    `version` is its own, `resumes` are others that it goes on with (`*` is any). `formats` are the forms that its
    adapter reads, the one that it writes first; none means that it reads whatever there is.
    """

    backend: str
    app: str
    version: str = ""
    resumes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of the app whose runs it takes; none means all of them. Runs without a version are anybody's."""
        if not self.version or "*" in self.resumes:
            return ()
        return tuple(dict.fromkeys(("", self.version, *self.resumes)))

    @property
    def readable(self) -> tuple[str, ...]:
        """The forms of checkpoints that it takes; none means all of them. A run that has no checkpoint has none."""
        return ("", *self.formats) if self.formats else ()

    def takes(self, *, backend: str, app: str, version: str, format: str) -> bool:
        """Whether a run of this kind can be worked on here."""
        fits = (backend, app) == (self.backend, self.app)
        return fits and _among(version, self.versions) and _among(format, self.readable)


def _among(value: str, allowed: tuple[str, ...]) -> bool:
    return not allowed or value in allowed


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: who works, on what, at how many places of how many. `ending`: it claims nothing more."""

    worker: str
    started_at: datetime
    loads: Loads
    places: int
    busy: int = 0
    ending: bool = False


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """A worker, when it was last seen, and until when it counts as alive without another sign."""

    beat: Beat
    seen_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many runs of one kind a worker could take now, and since when the oldest of them waits."""

    backend: str
    app: str
    version: str
    format: str
    tenant: str
    count: int
    since: datetime


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ReleaseRun(Command[tuple[str, ...]]):
    """Give a run back in the middle of its turn, so that another worker takes it over at once. It counts as no try.

    Returns the calls that this turn has begun and not ended. With such calls nothing is given back: what they do may
    still happen here, so the lease ends by itself, or with the process.
    """

    lease: Lease
    now: datetime


@dataclass(frozen=True, slots=True)
class BeatWorker(Command[None]):
    """Write a worker's sign of life, good for `seconds`; workers that are dead for long are forgotten."""

    beat: Beat
    seconds: float
    now: datetime


@dataclass(frozen=True, slots=True)
class ForgetWorker(Command[None]):
    """A worker has ended in order."""

    worker: str
    now: datetime


# ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ListWorkers(Query[tuple[SeenWorker, ...]]):
    """The workers that were seen of late, by name; those that have died are there for a while."""


@dataclass(frozen=True, slots=True)
class ListWaiting(Query[tuple[Waiting, ...]]):
    """What workers could take now, counted by app, version, form of its checkpoint and tenant."""

    now: datetime


@dataclass(frozen=True, slots=True)
class NextDue(Query[datetime | None]):
    """When something will next have to be done though nobody changes anything: a deadline, a reminder, the end of a
    lease, another try. None if there is nothing."""
