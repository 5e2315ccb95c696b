"""What a store can be asked: commands that change it, each one atomic transaction, and queries that read it.

Every store answers every record here; nothing else reaches the data. `now` is always an argument, so a test
moves time and a server decides whose clock counts. A command with a `lease` is refused with LeaseLost unless
that lease is the run's current one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from .lifecycle import ActionEvent, ActionState, RequestEvent, RequestState
from .protocol import (
    Action,
    AuditEntry,
    AuditEvent,
    EffectMode,
    Json,
    Outcome,
    PauseRequest,
    Response,
    Run,
    RunState,
)

R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class Command(Generic[R]):
    """One atomic change; `Store.apply` returns its R."""


@dataclass(frozen=True, slots=True)
class Query(Generic[R]):
    """One consistent read; `Store.fetch` returns its R."""


# ── what comes back ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a run until `until`. `fence` grows with every claim; an older fence is refused."""

    run_id: str
    owner: str
    fence: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run to work on: the run, its lease, and the adapter's own checkpoint (None before its first pause)."""

    run: Run
    lease: Lease
    checkpoint: Json
    first: bool
    """True if no turn of this run was ever committed: it was never paused."""
    interrupted: bool = False
    """True if it was taken over from a running turn whose lease had ended: its worker died or froze."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What is known about a request: the record, its state, and the response if there is one."""

    request: PauseRequest
    state: RequestState
    response: Response | None = None
    votes: tuple[Response, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What is known about the action behind a call. `fence` is that of the turn which last began it."""

    call: str
    action: Action
    state: ActionState
    mode: EffectMode
    attempts: int
    fence: int
    request_id: str | None = None
    result: Json = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """All that the store knows about one place in a run: the newest request there, and its effect."""

    settled: Settled | None
    effect: Effect | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of a decision. `replayed` means the same answer had been recorded before."""

    settled: Settled
    run_state: RunState
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Rows in order, and the cursor for the next page (None at the end)."""

    items: tuple[R, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the audit trail. `body` is JSON and holds no payloads, only digests and names."""

    event: AuditEvent
    subject: str
    actor: str
    body: dict[str, Json] = field(default_factory=dict)


class StopScope(StrEnum):
    """What a stop covers."""

    RUN = "run"
    AGENT = "agent"
    TOOL = "tool"
    TENANT = "tenant"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop in force. `target` is the run id, agent, tool or tenant; "" for all."""

    scope: StopScope
    target: str
    reason: str
    by: str
    at: datetime


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OpenRun(Command[Claimed]):
    """Create a run in state running, leased to `owner`. Raises Stopped if a stop covers it."""

    run: Run
    owner: str
    lease_seconds: float
    now: datetime


@dataclass(frozen=True, slots=True)
class ClaimRuns(Command[tuple[Claimed, ...]]):
    """Take up to `limit` runs that are ready, or running under an ended lease. Stopped runs are left alone.

    `run_id` narrows to one run; `backends` and `apps` to what the caller can load (empty: anything).
    """

    owner: str
    lease_seconds: float
    now: datetime
    limit: int = 1
    run_id: str | None = None
    backends: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenewLease(Command[Lease]):
    """Keep the lease for `lease_seconds` from `now`. May be less durable than the other commands."""

    lease: Lease
    lease_seconds: float
    now: datetime


@dataclass(frozen=True, slots=True)
class PauseRun(Command[Run]):
    """End a turn with a pause: checkpoint, new requests, timers and run state in one transaction.

    A request whose (run, call, round) is known already is kept as it is (the crash between two commits is
    healed). `consumed` are calls whose decisions this turn has used up. `orphaned` are request ids that the
    framework no longer waits at: open ones become superseded. The run becomes paused, or ready at once if
    none of its requests is open.
    """

    lease: Lease
    checkpoint: Json
    requests: tuple[PauseRequest, ...]
    now: datetime
    consumed: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FinishRun(Command[Run]):
    """End a run: completed with `output`, or failed or cancelled with `error`. Open requests are cancelled.

    A failed run keeps its open and decided requests, so that it can be retried.
    """

    lease: Lease
    state: RunState
    now: datetime
    output: Json = None
    error: str = ""
    checkpoint: Json = None
    consumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryRun(Command[Run]):
    """Make a failed run ready again. Raises RunFinished, RunNotFound or RunBusy."""

    run_id: str
    by: str
    now: datetime


@dataclass(frozen=True, slots=True)
class CancelRun(Command[Run]):
    """Cancel a run that is not over, with all its open and unused requests. A running one loses its lease."""

    run_id: str
    by: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ReopenRun(Command[Claimed]):
    """Take a run that is not running back to work after an undo; its open and unused requests are superseded.

    Raises RunNotFound, or RunBusy while somebody works on it.
    """

    run_id: str
    owner: str
    lease_seconds: float
    by: str
    reason: str
    now: datetime


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RecordResponse(Command[Recorded]):
    """Decide a request by compare-and-set; the run becomes ready when nothing in it is open any more.

    The same answer again (same idempotency key and decision, or same responder and decision) is replayed.
    Raises RequestNotFound, AlreadyDecided (naming the winner), RequestClosed or RequestExpired; what is
    refused is audited. A `Cancel` decision cancels the run in the same transaction. With `event` VETO the
    request becomes vetoed. `vote` records the answer as one vote and leaves the request open.
    """

    response: Response
    now: datetime
    event: RequestEvent = RequestEvent.DECIDE
    vote: bool = False


@dataclass(frozen=True, slots=True)
class MoveRequest(Command[Settled]):
    """Cancel, revoke, supersede, freeze or thaw one request. Raises RequestNotFound or IllegalMove."""

    request_id: str
    event: RequestEvent
    by: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class FireTimers(Command[tuple[Settled, ...]]):
    """Fire up to `limit` deadlines that have passed: each request expires once, and its run may become ready."""

    now: datetime
    limit: int = 500


# ── effects ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RecordRefusal(Command[None]):
    """Record that the gate refused a proposal without asking anybody (a deny rule, an error, a stop)."""

    lease: Lease
    call: str
    action: Action
    note: Note
    now: datetime


@dataclass(frozen=True, slots=True)
class BeginEffect(Command[Effect]):
    """The last transaction before a tool: everything is checked again, then `executing` is written.

    Checks: lease is current; no stop for run, agent, tool, tenant or everything; if `request_id` is given, its
    decision stands (not revoked) and allows exactly this digest; the call has not been started, or its mode
    is idempotent, or a person said that it did not happen. Raises LeaseLost, Stopped, DigestMismatch or
    AlreadyStarted. The request becomes consumed. `notice` (a request of kind notice) is stored with it.
    """

    lease: Lease
    call: str
    action: Action
    mode: EffectMode
    now: datetime
    request_id: str | None = None
    notice: PauseRequest | None = None
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class EndEffect(Command[Effect]):
    """Write what happened: executed with its result, or failed with its error. Its request becomes closed."""

    lease: Lease
    call: str
    outcome: Outcome
    now: datetime


@dataclass(frozen=True, slots=True)
class PerformEffect(Command[Effect]):
    """A transactional effect: BeginEffect, `effect(transaction)` and EndEffect in one transaction of the store.

    `transaction` is the store's own driver connection. If `effect` raises, nothing of it is kept and the
    action is recorded as failed.
    """

    begin: BeginEffect
    effect: Callable[[Any], Json]


@dataclass(frozen=True, slots=True)
class MoveEffect(Command[Effect]):
    """LOSE: an executing effect of an older fence is in doubt. CONFIRM_*/ABANDON: what a person said about it.

    SUSPEND: the tool itself paused (an agent inside it waits for a person); it will be begun again on resume.
    """

    lease: Lease
    call: str
    event: ActionEvent
    by: str
    now: datetime
    result: Json = None


# ── journal, stops, audit ────────────────────────────────────────────────────────────────────────────────────


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


@dataclass(frozen=True, slots=True)
class LiftStop(Command[int]):
    """Lift a stop and thaw the requests that no other stop covers; returns how many. Lifting twice is harmless."""

    scope: StopScope
    target: str
    reason: str
    by: str
    now: datetime


@dataclass(frozen=True, slots=True)
class WriteNote(Command[None]):
    """Append one line to the audit trail."""

    note: Note
    now: datetime


# ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────


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
    """Runs, newest first, without their requests. `cursor` comes from the page before."""

    states: tuple[RunState, ...] = ()
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class GetRequest(Query[Settled]):
    """One request with its state and response. Raises RequestNotFound."""

    request_id: str


@dataclass(frozen=True, slots=True)
class ListRequests(Query[Page[Settled]]):
    """The inbox: requests by deadline-free order of arrival, oldest first. Empty filters mean everything.

    `roles` keeps requests that any of these roles (or nobody in particular) may decide.
    """

    states: tuple[RequestState, ...] = (RequestState.OPEN,)
    run_id: str | None = None
    roles: tuple[str, ...] = ()
    notices: bool = False
    limit: int = 50
    cursor: str | None = None


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
class Recall(Query[dict[str, Json]]):
    """The journal of a run by key."""

    run_id: str


@dataclass(frozen=True, slots=True)
class ListStops(Query[tuple[Stop, ...]]):
    """The stops in force, oldest first."""


@dataclass(frozen=True, slots=True)
class ReadAudit(Query[Page[AuditEntry]]):
    """The audit trail in order, `limit` lines after `after` (a sequence number)."""

    after: int = 0
    limit: int = 1000
    run_id: str | None = None
