"""Commands around the effect of a tool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..lifecycle import ActionEvent
from ..protocol import (
    Action,
    EffectMode,
    Json,
    Outcome,
    PauseRequest,
)
from .history import Counted
from .kinds import Command
from .results import Effect, Lease, Note


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
    AlreadyStarted. The request becomes consumed. `notice` (a request of kind notice) is stored with it. `counted` is
    added to the history; if more has begun there than the decision knew, that raises HistoryMoved. With `grant_id`,
    that grant lets it begin: a use of it is counted here, or GrantRefused says why it does not reach. `untold`: as in
    PauseRun, for the notice.
    """

    lease: Lease
    call: str
    action: Action
    mode: EffectMode
    now: datetime
    request_id: str | None = None
    notice: PauseRequest | None = None
    note: Note | None = None
    counted: tuple[Counted, ...] = ()
    grant_id: str | None = None
    untold: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndEffect(Command[Effect]):
    """Write what happened: executed with its result, or failed with its error. Its request becomes closed.

    With `late` of a run that was cancelled meanwhile, by whoever held it then. Raises LeaseLost.
    """

    lease: Lease
    call: str
    outcome: Outcome
    now: datetime
    late: bool = False


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
