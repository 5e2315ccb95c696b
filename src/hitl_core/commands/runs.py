"""Commands about runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..protocol import (
    Guidance,
    Json,
    PauseRequest,
    Run,
    RunState,
    Said,
)
from .kinds import Command
from .results import Again, Build, Claimed, Lease, Override


@dataclass(frozen=True, slots=True)
class OpenRun(Command[Claimed]):
    """Create a run in state running, leased to `owner`, and keep what is `said` with it: both, or nothing.

    Raises Stopped if a stop covers it, RunBusy for an id that there is already.
    """

    run: Run
    owner: str
    lease_seconds: float
    now: datetime
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimRuns(Command[tuple[Claimed, ...]]):
    """Take up to `limit` runs that are ready, or running under an ended lease. Stopped runs are left alone.

    `run_id` narrows to one run; `backends`, `apps`, `versions` and `formats` to what the caller can load (empty:
    anything); `only_undos` to those that undo another run, which need no framework.

    Tenants take turns, and `after` says whose turn it was: a run that was taken last. A run that is interrupted after
    `tries` turns without a pause fails instead of being taken (0: never); before that, one that was interrupted twice
    comes by itself, and only to who is `alone`: works on nothing else that it could take with it. One that is named by
    `run_id` is taken in any case.
    """

    owner: str
    lease_seconds: float
    now: datetime
    limit: int = 1
    run_id: str | None = None
    backends: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    only_undos: bool = False
    versions: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    after: str | None = None
    tries: int = 0
    alone: bool = True


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
    none of its requests is open. `by` is what wrote the checkpoint: from now on that is what the run needs.

    `most`: how often an agent may ask people within a minute (0: as it likes). Nothing of a pause that asks more is
    stored; its run is ready again when there is room, `retry_at`. One that asks more at once has failed.

    With `untold`, a slip of that kind is kept for each new request, due then: whoever keeps messages uses it up.
    """

    lease: Lease
    checkpoint: Json
    requests: tuple[PauseRequest, ...]
    now: datetime
    consumed: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()
    by: Build | None = None
    most: int = 0
    untold: datetime | None = None


@dataclass(frozen=True, slots=True)
class FinishRun(Command[Run]):
    """End a run: completed with `output` (its open requests are cancelled), or failed or stopped with `error`.

    A run that failed or was stopped keeps its open and decided requests, so that it can go on. With `again` one that
    failed is ready again after a while, unless its turn has begun an action or it has had its tries. `by`: as in
    PauseRun. `held`: the scope and target of the stop that has ended the turn; a run whose stop was lifted meanwhile is
    ready at once, because whoever lifted it has not seen it. `interrupted`: as in Claimed, for whoever goes on with one
    that failed or was stopped.
    """

    lease: Lease
    state: RunState
    now: datetime
    output: Json = None
    error: str = ""
    checkpoint: Json = None
    consumed: tuple[str, ...] = ()
    again: Again | None = None
    by: Build | None = None
    held: tuple[str, str] | None = None
    interrupted: bool = False


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
    authenticated_by: str = "assertion"


@dataclass(frozen=True, slots=True)
class ReopenRun(Command[Claimed]):
    """Take a run that is not running back to work after a rewind; its open and unused requests are superseded.

    Raises RunNotFound, or RunBusy while somebody works on it.
    """

    run_id: str
    owner: str
    lease_seconds: float
    by: str
    reason: str
    now: datetime
    authenticated_by: str = "assertion"


@dataclass(frozen=True, slots=True)
class OverrideOutput(Command[Override]):
    """Replace the output of a completed run; or, with `call`, the result of a call in a run that is not at work.

    What it was is kept. `guidance` tells the agent about the result of a call. Raises RunNotFound, OverrideRefused.
    """

    run_id: str
    call: str | None
    value: Json
    by: str
    reason: str
    now: datetime
    guidance: Guidance | None = None
    authenticated_by: str = "assertion"
