"""The four lifecycles. A table says which event leads from which state to which; nothing else moves anything.

A store turns a table into its compare-and-set: `UPDATE … SET state = target WHERE state IN sources(event)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Generic, TypeVar

from .errors import HitlError
from .protocol.guidance import GuidanceState
from .protocol.run import RunState


class RequestState(StrEnum):
    """Where a request stands. Only `open` takes answers; `frozen` is open under a stop and takes refusals alone."""

    OPEN = "open"
    FROZEN = "frozen"
    DECIDED = "decided"
    EXPIRED = "expired"
    VETOED = "vetoed"
    CONSUMED = "consumed"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


TAKEN_BACK: Final = (RequestState.REVOKED, RequestState.SUPERSEDED, RequestState.CANCELLED)
"""What was said to such a request counts no more: where an answer is still needed, people are asked again."""


class RequestEvent(StrEnum):
    """What can happen to a request. `refuse` is to decide with a rejection or a cancellation, which a stop admits."""

    DECIDE = "decide"
    EXPIRE = "expire"
    REFUSE = "refuse"
    VETO = "veto"
    FREEZE = "freeze"
    THAW = "thaw"
    CONSUME = "consume"
    CLOSE = "close"
    CANCEL = "cancel"
    REVOKE = "revoke"
    SUPERSEDE = "supersede"


class ActionState(StrEnum):
    """Where an action stands. `proposed` is an open request; the others are rows of their own."""

    PROPOSED = "proposed"
    ALLOWED = "allowed"
    REFUSED = "refused"
    ANSWERED = "answered"
    EXECUTING = "executing"
    EXECUTED = "executed"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


class ActionEvent(StrEnum):
    """What can happen to an action. The last three are what a person says about one in doubt."""

    ALLOW = "allow"
    REFUSE = "refuse"
    ANSWER = "answer"
    BEGIN = "begin"
    SUCCEED = "succeed"
    FAIL = "fail"
    SUSPEND = "suspend"
    LOSE = "lose"
    CONFIRM_HAPPENED = "confirm_happened"
    CONFIRM_NOT_HAPPENED = "confirm_not_happened"
    ABANDON = "abandon"


class RunEvent(StrEnum):
    """What can happen to a run. `claim` also takes over a running one whose lease has ended."""

    PAUSE = "pause"
    READY = "ready"
    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"
    CANCEL = "cancel"
    STOP = "stop"
    LIFT = "lift"
    REOPEN = "reopen"


class GuidanceEvent(StrEnum):
    """What can happen to guidance: it enters the agent's conversation, or its run ends before that."""

    ENTER = "enter"
    DROP = "drop"


S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class IllegalMove(HitlError):
    """An event met a state in which it cannot happen. Nothing was changed."""

    code = "HITL-U06"


class Lifecycle(Generic[S, E]):
    """A table `(state, event) → state`."""

    def __init__(self, name: str, moves: Mapping[tuple[S, E], S]) -> None:
        self.name = name
        self.moves = dict(moves)
        self._sources: dict[E, tuple[S, ...]] = {}
        for state, event in self.moves:
            self._sources[event] = (*self._sources.get(event, ()), state)

    def advance(self, state: S, event: E) -> S:
        """The state after `event`. Raises IllegalMove, naming what could have happened instead."""
        try:
            return self.moves[state, event]
        except KeyError:
            possible = ", ".join(sorted(e for s, e in self.moves if s == state)) or "nothing"
            raise IllegalMove(f"a {self.name} that is {state} cannot {event}; possible: {possible}") from None

    def sources(self, event: E) -> tuple[S, ...]:
        """The states in which `event` can happen."""
        return self._sources.get(event, ())


_R, _RE = RequestState, RequestEvent
_A, _AE = ActionState, ActionEvent
_U, _UE = RunState, RunEvent

REQUEST: Final = Lifecycle(
    "request",
    {
        (_R.OPEN, _RE.DECIDE): _R.DECIDED,
        (_R.OPEN, _RE.EXPIRE): _R.EXPIRED,
        (_R.OPEN, _RE.REFUSE): _R.DECIDED,
        (_R.OPEN, _RE.VETO): _R.VETOED,
        (_R.OPEN, _RE.FREEZE): _R.FROZEN,
        (_R.OPEN, _RE.CANCEL): _R.CANCELLED,
        (_R.OPEN, _RE.SUPERSEDE): _R.SUPERSEDED,
        (_R.FROZEN, _RE.THAW): _R.OPEN,
        (_R.FROZEN, _RE.REFUSE): _R.DECIDED,
        (_R.FROZEN, _RE.VETO): _R.VETOED,
        (_R.FROZEN, _RE.CANCEL): _R.CANCELLED,
        (_R.FROZEN, _RE.SUPERSEDE): _R.SUPERSEDED,
        (_R.DECIDED, _RE.CONSUME): _R.CONSUMED,
        (_R.DECIDED, _RE.REVOKE): _R.REVOKED,
        (_R.DECIDED, _RE.SUPERSEDE): _R.SUPERSEDED,
        (_R.DECIDED, _RE.CANCEL): _R.CANCELLED,
        (_R.EXPIRED, _RE.CONSUME): _R.CONSUMED,
        (_R.EXPIRED, _RE.REVOKE): _R.REVOKED,
        (_R.EXPIRED, _RE.SUPERSEDE): _R.SUPERSEDED,
        (_R.VETOED, _RE.CONSUME): _R.CONSUMED,
        (_R.CONSUMED, _RE.CLOSE): _R.CLOSED,
    },
)

ACTION: Final = Lifecycle(
    "action",
    {
        (_A.PROPOSED, _AE.ALLOW): _A.ALLOWED,
        (_A.PROPOSED, _AE.REFUSE): _A.REFUSED,
        (_A.PROPOSED, _AE.ANSWER): _A.ANSWERED,
        (_A.ALLOWED, _AE.BEGIN): _A.EXECUTING,
        (_A.ALLOWED, _AE.REFUSE): _A.REFUSED,
        (_A.EXECUTING, _AE.SUCCEED): _A.EXECUTED,
        (_A.EXECUTING, _AE.FAIL): _A.FAILED,
        (_A.EXECUTING, _AE.SUSPEND): _A.ALLOWED,
        (_A.EXECUTING, _AE.LOSE): _A.IN_DOUBT,
        (_A.IN_DOUBT, _AE.CONFIRM_HAPPENED): _A.EXECUTED,
        (_A.IN_DOUBT, _AE.CONFIRM_NOT_HAPPENED): _A.ALLOWED,
        (_A.IN_DOUBT, _AE.ABANDON): _A.FAILED,
    },
)

RUN: Final = Lifecycle(
    "run",
    {
        (_U.RUNNING, _UE.PAUSE): _U.PAUSED,
        (_U.RUNNING, _UE.CLAIM): _U.RUNNING,
        (_U.RUNNING, _UE.COMPLETE): _U.COMPLETED,
        (_U.RUNNING, _UE.FAIL): _U.FAILED,
        (_U.RUNNING, _UE.CANCEL): _U.CANCELLED,
        (_U.RUNNING, _UE.STOP): _U.STOPPED,
        (_U.PAUSED, _UE.READY): _U.READY,
        (_U.PAUSED, _UE.CANCEL): _U.CANCELLED,
        (_U.PAUSED, _UE.STOP): _U.STOPPED,
        (_U.READY, _UE.CLAIM): _U.RUNNING,
        (_U.READY, _UE.CANCEL): _U.CANCELLED,
        (_U.READY, _UE.STOP): _U.STOPPED,
        (_U.FAILED, _UE.RETRY): _U.READY,
        (_U.FAILED, _UE.CANCEL): _U.CANCELLED,
        (_U.STOPPED, _UE.LIFT): _U.READY,
        (_U.STOPPED, _UE.CANCEL): _U.CANCELLED,
        (_U.PAUSED, _UE.REOPEN): _U.RUNNING,
        (_U.READY, _UE.REOPEN): _U.RUNNING,
        (_U.COMPLETED, _UE.REOPEN): _U.RUNNING,
        (_U.FAILED, _UE.REOPEN): _U.RUNNING,
    },
)

GUIDANCE: Final = Lifecycle(
    "guidance",
    {
        (GuidanceState.QUEUED, GuidanceEvent.ENTER): GuidanceState.CONSUMED,
        (GuidanceState.QUEUED, GuidanceEvent.DROP): GuidanceState.DROPPED,
    },
)
