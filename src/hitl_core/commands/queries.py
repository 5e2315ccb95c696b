"""Queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..lifecycle import RequestState
from ..protocol import (
    AuditEntry,
    Json,
    Run,
    RunState,
)
from .kinds import Query
from .results import Effect, Known, Lease, Override, Page, Settled, Stop, Undone


@dataclass(frozen=True, slots=True)
class GetRun(Query[Run]):
    """One run with its open requests. Raises RunNotFound."""

    run_id: str


@dataclass(frozen=True, slots=True)
class GetCheckpoint(Query[Json]):
    """The adapter's own checkpoint of a run (None before its first pause). Raises RunNotFound."""

    run_id: str


@dataclass(frozen=True, slots=True)
class ListRuns(Query[Page[Run]]):
    """Runs, newest first, without their requests. `cursor` comes from the page before; `undoes` keeps the undos of
    that run, `tenant` those of one, `thread` those of one conversation, `started_by` those of one person.

    `within`: so many runs are looked at, at most; then a page may be short, or empty, and its cursor goes on.
    """

    states: tuple[RunState, ...] = ()
    limit: int = 50
    cursor: str | None = None
    undoes: str | None = None
    tenant: str | None = None
    within: int | None = None
    thread: str | None = None
    started_by: str | None = None


@dataclass(frozen=True, slots=True)
class GetRequest(Query[Settled]):
    """One request with its state and response. Raises RequestNotFound."""

    request_id: str


@dataclass(frozen=True, slots=True)
class ListRequests(Query[Page[Settled]]):
    """The inbox: requests by deadline-free order of arrival, oldest first. Empty filters mean everything.

    `roles` and `users` keep requests that any of these (or nobody in particular) may decide. `tenant` keeps those of
    its runs, `awake` those that are not put off. `call` is a place in the run `run_id`. `not_of` leaves out those of
    the runs of these apps, each with its backend before it.
    """

    states: tuple[RequestState, ...] = (RequestState.OPEN,)
    run_id: str | None = None
    call: str | None = None
    roles: tuple[str, ...] = ()
    notices: bool = False
    limit: int = 50
    cursor: str | None = None
    users: tuple[str, ...] = ()
    tenant: str | None = None
    awake: bool = False
    not_of: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ListAssigned(Query[dict[str, datetime]]):
    """When each of these people was last assigned to a request of a tenant; whoever never was is not in it."""

    people: tuple[str, ...]
    tenant: str


@dataclass(frozen=True, slots=True)
class Look(Query[Known]):
    """What is known about one place in a run."""

    run_id: str
    call: str


@dataclass(frozen=True, slots=True)
class ListLeases(Query[tuple[Lease, ...]]):
    """The leases of all running runs, ended ones included, so that those of dead processes can be freed at once."""


@dataclass(frozen=True, slots=True)
class ListEffects(Query[tuple[Effect, ...]]):
    """The actions of a run that were allowed or refused, in the order they were first seen."""

    run_id: str


@dataclass(frozen=True, slots=True)
class ListOverrides(Query[tuple[Override, ...]]):
    """What people have put in the place of a run's output and results, oldest first."""

    run_id: str


@dataclass(frozen=True, slots=True)
class ListUndone(Query[dict[str, Undone]]):
    """The actions of a run whose undo has begun, by call, and how that stands."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Recall(Query[dict[str, Json]]):
    """The journal of a run by key."""

    run_id: str


@dataclass(frozen=True, slots=True)
class ListStops(Query[tuple[Stop, ...]]):
    """The stops in force, oldest first.

    With `run_id` and its tenant, those that cover this run as a whole, or an action of `tool` and `agents` in it.
    """

    run_id: str | None = None
    tenant: str = "default"
    tool: str | None = None
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListUnsealed(Query[tuple[AuditEntry, ...]]):
    """The lines of the audit trail that are committed, but not sealed yet; none in a store that seals as it writes."""


@dataclass(frozen=True, slots=True)
class ReadAudit(Query[Page[AuditEntry]]):
    """The audit trail in order, `limit` lines after `after` (a sequence number); of one run, or of some events."""

    after: int = 0
    limit: int = 1000
    run_id: str | None = None
    events: tuple[str, ...] = ()
