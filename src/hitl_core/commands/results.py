"""What comes back from a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, assert_never

from ..errors import Stopped
from ..lifecycle import ActionState, RequestState
from ..protocol import (
    Action,
    AuditEvent,
    EffectMode,
    Json,
    PauseRequest,
    Response,
    Run,
    RunState,
)
from .kinds import R


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
    ready_at: datetime | None = None
    """Since when it waited for a worker; None if it was taken over, opened or reopened."""
    journal: Mapping[str, Json] | None = None
    """What it has remembered until now, by key; None if that was not read along."""


@dataclass(frozen=True, slots=True)
class Build:
    """What drives a run: the version of the app, and the form in which its adapter writes checkpoints."""

    version: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """How often a turn that broke is tried in all, and how many seconds after the first time; then twice as many."""

    tries: int
    wait: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What is known about a request: the record, its state, and the response if there is one.

    `recorded_at` is when the store took the response, by the clock of whoever recorded it and not of who answered.
    """

    request: PauseRequest
    state: RequestState
    response: Response | None = None
    votes: tuple[Response, ...] = ()
    recorded_at: datetime | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Effect:
    """What is known about the action behind a call. `fence` is that of the turn which last began it.

    `ended_at` is when it was executed; None also where only a person said that it was, or an older release wrote it.
    `grant_id` is the standing grant under which it has begun, if that is what let it.
    """

    call: str
    action: Action
    state: ActionState
    mode: EffectMode
    attempts: int
    fence: int
    request_id: str | None = None
    result: Json = None
    error: str = ""
    ended_at: datetime | None = None
    grant_id: str | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """A replacement of a run's output, or of the result of `call`: what it was, what it is, who said so and why."""

    call: str | None
    original: Json
    value: Json
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Undone:
    """How the undo of an action stands that has begun, in the run `run_id`."""

    run_id: str
    state: ActionState
    error: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """All that the store knows about one place in a run: the newest question there, and its effect.

    `next_round` is the round of the next request there; notices have used up rounds too.
    """

    settled: Settled | None
    effect: Effect | None
    next_round: int = 0


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
class ErasedPerson:
    """A person who was erased: the name that stands for them, how many names and texts of the trail are gone, how many
    records were changed, and how many lines of the trail still name them in themselves, as an older release wrote.
    """

    name: str
    apart: int
    records: int
    inside: int


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

    def covers(self, *, run: str, tenant: str, tool: str | None = None, agents: tuple[str, ...] = ()) -> bool:
        """Whether this stop covers a run as a whole, or (with `tool` and `agents`) an action in it."""
        match self.scope:
            case StopScope.ALL:
                return True
            case StopScope.RUN:
                return self.target == run
            case StopScope.TENANT:
                return self.target == tenant
            case StopScope.TOOL:
                return self.target == tool
            case StopScope.AGENT:
                return self.target in agents
            case _:
                assert_never(self.scope)

    def holds_back(self, what: str) -> Stopped:
        """The error that says how this stop is in the way of `what`."""
        scope = f"{self.scope} {self.target!r}" if self.target else "everything"
        held = Stopped(f"{what} does not start: {self.by} has stopped {scope} ({self.reason}); lift that stop first")
        held.scope, held.target = self.scope, self.target
        return held
