"""From what a runtime asks of its store to measurements. Pure but for what it remembers of turns under way."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from ..commands import (
    BeginEffect,
    Claimed,
    ClaimRuns,
    Command,
    EndEffect,
    FinishRun,
    FireTimers,
    MoveEffect,
    OpenRun,
    PauseRun,
    PerformEffect,
    Query,
    Recorded,
    RecordRefusal,
    RecordResponse,
    ReleaseRun,
    ReopenRun,
    Settled,
)
from ..contracts import Store, Turn
from ..errors import HitlError, LeaseLost
from ..lifecycle import ActionState, RequestState
from ..protocol import Cancel, PauseRequest, Response
from .instruments import DECIDED, DECISION, EFFECTS, EXPIRED, FAILURES, LAG, OPENED, STORE, TURN, TURNS
from .observer import Done

R = TypeVar("R")

MOST: Final = 10_000
"""Turns and answers that are remembered at most; of more, the oldest are forgotten."""

LOST: Final = "lost"
"""The outcome of a turn that another worker has taken over."""

RELEASED: Final = "released"
"""The outcome of a turn that was given back, so that another worker may have it."""

OTHER: Final = "other"
"""The code of what is no error of ours."""


class Measured(NamedTuple):
    """One measurement for the instrument `name`: how many, or how long."""

    name: str
    value: float
    labels: Mapping[str, str]


class Sink(Protocol):
    """Where measurements go."""

    def take(self, measured: Measured) -> None:
        """Count it, or record how long it took, as its instrument says."""


class Recent:
    """What has been seen, as far back as there is room."""

    def __init__(self, most: int = MOST) -> None:
        self._kept: OrderedDict[str, float] = OrderedDict()
        self._most = most

    def keep(self, name: str, value: float = 0.0) -> bool:
        """Whether it is new."""
        new = name not in self._kept
        self._kept[name] = value
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return new

    def take(self, name: str) -> float | None:
        return self._kept.pop(name, None)


class Measuring:
    """An observer that measures. `now` is the runtime's clock, against which the store's times are held."""

    def __init__(self, sink: Sink, now: Callable[[], datetime]) -> None:
        self._sink = sink
        self._now = now
        self._turns, self._counted = Recent(), Recent()

    def opened(self, store: Store) -> None:
        """Nothing is measured of that."""

    def before(self, command: Command[R]) -> Command[R]:
        return command

    def after(self, asked: Command[Any] | Query[Any], result: Any, seconds: float) -> None:
        self._take(Measured(STORE, seconds, {"operation": operation(asked)}))
        for each in self._measured(asked, result):
            self._take(each)

    def failed(self, asked: Command[Any] | Query[Any], error: Exception, seconds: float) -> None:
        name, code = operation(asked), error.code if isinstance(error, HitlError) else OTHER
        self._take(Measured(STORE, seconds, {"operation": name}))
        self._take(Measured(FAILURES, 1, {"operation": name, "code": code}))
        if isinstance(error, LeaseLost) and isinstance(asked, PauseRun | FinishRun):
            for each in self._ended(asked.lease.run_id, LOST):
                self._take(each)

    def taken_up(self, claimed: Claimed, answered: Sequence[Settled]) -> None:
        now = self._now()
        self._take(Measured(LAG, _seconds(claimed.ready_at or now, now), {}))
        for each in answered:
            if each.response is not None and self._counted.keep(each.request.id):
                for measured in decided(each.request, each.response, each.recorded_at):
                    self._take(measured)

    def turn(self, turn: Turn) -> AbstractContextManager[Done]:
        return nullcontext(_nothing)

    # ── what each command says ───────────────────────────────────────────────────────────────────────────────

    def _measured(self, asked: Command[Any] | Query[Any], result: Any) -> Iterator[Measured]:
        match asked:
            case OpenRun() | ReopenRun():
                self._turns.keep(result.run.id, time.perf_counter())
            case ClaimRuns():
                for claimed in result:
                    self._turns.keep(claimed.run.id, time.perf_counter())
            case PauseRun(lease=lease, requests=requests):
                yield from map(_opened, requests)
                yield from (_effect(ActionState.IN_DOUBT) for request in requests if request.in_doubt)
                yield from self._ended(lease.run_id, "paused")
            case FinishRun(lease=lease, state=state):
                yield from self._ended(lease.run_id, state)
            case ReleaseRun(lease=lease) if not result:
                yield from self._ended(lease.run_id, RELEASED)
            case _:
                yield from measured_of(asked, result)

    def _ended(self, run_id: str, outcome: str) -> Iterator[Measured]:
        yield Measured(TURNS, 1, {"outcome": outcome})
        if (begun := self._turns.take(run_id)) is not None:
            yield Measured(TURN, time.perf_counter() - begun, {"outcome": outcome})

    def _take(self, measured: Measured) -> None:
        self._sink.take(measured)


def measured_of(asked: Command[Any] | Query[Any], result: Any) -> Iterator[Measured]:
    """The measurements of what needs no memory."""
    match asked:
        case FireTimers():
            yield from (_expired(each) for each in result if each.state is not RequestState.OPEN)
        case RecordResponse(response=Response(decision=Cancel())):
            yield from _cancelled(result)
        case BeginEffect(notice=notice):
            yield from [_opened(notice)] if notice is not None else []
            yield _effect(result.state)
        case PerformEffect() | EndEffect() | MoveEffect():
            yield _effect(result.state)
        case RecordRefusal():
            yield _effect(ActionState.REFUSED)
        case _:
            pass


def decided(request: PauseRequest, response: Response, at: datetime | None) -> Iterator[Measured]:
    """One answer, and how long it took."""
    yield Measured(DECIDED, 1, {"outcome": response.decision.type, "level": request.level})
    if at is not None:
        yield Measured(DECISION, _seconds(request.created_at, at), {"level": request.level})


def operation(asked: Command[Any] | Query[Any]) -> str:
    """What a command or a query is called in measurements: its kind, of which there are few."""
    return type(asked).__name__


def _cancelled(recorded: Recorded) -> Iterator[Measured]:
    """An answer that ends its run is never taken up by a resume, so it is counted where it is recorded."""
    settled = recorded.settled
    if not recorded.replayed and settled.response is not None:
        yield from decided(settled.request, settled.response, settled.recorded_at)


def _opened(request: PauseRequest) -> Measured:
    return Measured(OPENED, 1, {"level": request.level, "kind": request.kind})


def _expired(settled: Settled) -> Measured:
    return Measured(EXPIRED, 1, {"level": settled.request.level})


def _effect(state: ActionState) -> Measured:
    return Measured(EFFECTS, 1, {"state": state})


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())


def _nothing(how: object) -> None:
    """How a turn ended is measured where it is committed."""
