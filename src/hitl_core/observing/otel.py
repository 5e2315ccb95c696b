"""Traces and metrics by OpenTelemetry's interface alone; where they go is for whoever sets up its SDK.

One trace leads from the agent's step to the request, the answer and the resume, in however many processes: a run and
its requests carry the context in which they were made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Self, TypeVar, cast

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..commands import (
    BeginEffect,
    Claimed,
    Command,
    Effect,
    EndEffect,
    FinishRun,
    FireTimers,
    MoveEffect,
    OpenRun,
    PauseRun,
    PerformEffect,
    Query,
    RecordResponse,
    ReleaseRun,
    Settled,
)
from ..contracts import Broke, Completed, Ending, Paused, Store, Turn
from ..errors import HitlError
from ..lifecycle import ActionState, RequestState
from ..protocol import PauseRequest, Run
from . import spans as s
from .gauges import Gauges
from .instruments import INSTRUMENTS, Shape
from .measuring import Measured, Measuring
from .observer import Done, Observer

R = TypeVar("R")
T = TypeVar("T", Run, PauseRequest)

SCOPE: Final = "hitl_core"
"""The instrumentation scope of all that is traced and measured here."""

MOST: Final = 10_000

_W3C: Final = TraceContextTextMapPropagator()

Attributes = Mapping[str, str | int]


def telemetry(now: Callable[[], datetime]) -> tuple[Observer, ...]:
    """The observers, where a program has set up an SDK; none where nothing would become of what they say."""
    tracing, measuring = trace.get_tracer_provider(), metrics.get_meter_provider()
    made: list[Observer] = [Tracing(trace.get_tracer(SCOPE))] if _goes_anywhere(tracing) else []
    if _goes_anywhere(measuring):
        made.append(Metering.of(metrics.get_meter(SCOPE), now))
    return tuple(made)


def _goes_anywhere(provider: object) -> bool:
    """The providers of the interface itself do nothing."""
    return not type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))


# ── metrics ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Meters:
    """A sink: an instrument of OpenTelemetry for each of ours."""

    def __init__(self, meter: Meter) -> None:
        self._takes: dict[str, Callable[..., None]] = {}
        for name, each in INSTRUMENTS.items():
            if each.shape is Shape.COUNTER:
                self._takes[name] = meter.create_counter(name, each.unit, each.says).add
            elif each.shape is Shape.HISTOGRAM:
                made = meter.create_histogram(
                    name, each.unit, each.says, explicit_bucket_boundaries_advisory=list(each.bounds)
                )
                self._takes[name] = made.record

    def take(self, measured: Measured) -> None:
        self._takes[measured.name](measured.value, dict(measured.labels))


class Metering(Measuring):
    """An observer that measures, and shows how its store stands."""

    def __init__(self, meter: Meter, now: Callable[[], datetime]) -> None:
        super().__init__(_Meters(meter), now)
        self._meter, self._time = meter, now

    @classmethod
    def of(cls, meter: Meter, now: Callable[[], datetime]) -> Self:
        return cls(meter, now)

    def opened(self, store: Store) -> None:
        gauges = Gauges(store, self._time)
        for name, each in INSTRUMENTS.items():
            if each.shape is Shape.GAUGE:
                self._meter.create_observable_gauge(name, [_callback(name, gauges)], each.unit, each.says)


def _callback(name: str, gauges: Gauges) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(options: CallbackOptions) -> Iterator[Observation]:
        for each in gauges.read():
            if each.name == name:
                yield Observation(each.value, dict(each.labels))

    return observe


# ── traces ───────────────────────────────────────────────────────────────────────────────────────────────────


class Tracing:
    """An observer that traces."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._turns: dict[str, SpanContext] = {}
        self._answered: dict[str, list[SpanContext]] = {}
        self._effects: dict[tuple[str, str], Span] = {}

    def opened(self, store: Store) -> None:
        """Nothing is traced of that."""

    def before(self, command: Command[R]) -> Command[R]:
        given: Any = command
        if isinstance(given, OpenRun):
            given = replace(given, run=self._marked_run(given.run))
        elif isinstance(given, PauseRun):
            marked = tuple(self._marked_request(given.lease.run_id, each) for each in given.requests)
            given = replace(given, requests=marked)
        return cast("Command[R]", given)

    def after(self, asked: Command[Any] | Query[Any], result: Any, seconds: float) -> None:
        match asked:
            case RecordResponse():
                self._decided(asked, result.settled, seconds)
            case FireTimers():
                for each in result:
                    if each.state is not RequestState.OPEN:
                        self._span(s.EXPIRE_SPAN, SpanKind.CONSUMER, _asked(each.request), _of(each.request)).end()
            case BeginEffect():
                self._begun(asked, seconds)
            case PerformEffect(begin=begin):
                self._begun(begin, seconds)
                self._settled(begin.lease.run_id, result)
            case EndEffect(lease=lease) | MoveEffect(lease=lease):
                self._settled(lease.run_id, result)
            case PauseRun(lease=lease) | FinishRun(lease=lease) | ReleaseRun(lease=lease):
                self._over(lease.run_id)
            case _:
                pass

    def failed(self, asked: Command[Any] | Query[Any], error: Exception, seconds: float) -> None:
        match asked:
            case RecordResponse(response=response):
                said: Attributes = {s.REQUEST_ID: response.request_id, s.DECISION_TYPE: response.decision.type}
                span = self._span(s.DECIDE_SPAN, SpanKind.CONSUMER, said, None, began=_ago(seconds))
                _fail(span, _code(error))
                span.end()
            case PauseRun(lease=lease) | FinishRun(lease=lease):
                self._over(lease.run_id)
            case _:
                pass

    def taken_up(self, claimed: Claimed, answered: Sequence[Settled]) -> None:
        found = [context for each in answered if (context := _context(_of(each.request))) is not None]
        if found:
            self._remember(self._answered, claimed.run.id, found)

    def turn(self, turn: Turn) -> AbstractContextManager[Done]:
        return self._turn(turn)

    @contextmanager
    def _turn(self, turn: Turn) -> Iterator[Done]:
        run = turn.run
        said = _run(run) | {s.OPERATION: s.TURN_SPAN, s.TURN_NUMBER: turn.claimed.lease.fence}
        links, parent = self._answered.pop(run.id, []), (run.model_extra or {}).get(s.TRACEPARENT)
        name = f"{s.TURN_SPAN} {run.app}" if run.app else s.TURN_SPAN
        span = self._span(s.TURN_SPAN, SpanKind.INTERNAL, said, parent, name=name, links=links)
        self._remember(self._turns, run.id, span.get_span_context())
        # What is raised is recorded below by its kind: OpenTelemetry would write down what it says.
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield lambda how: _ended(span, how)

    # ── parts of a turn ──────────────────────────────────────────────────────────────────────────────────────

    def _marked_run(self, run: Run) -> Run:
        span = self._span(s.RUN_SPAN, SpanKind.PRODUCER, _run(run), None)
        span.end()
        return _marked(run, span)

    def _marked_request(self, run_id: str, request: PauseRequest) -> PauseRequest:
        turn = self._turns.get(run_id)
        name = f"{s.REQUEST_SPAN} {request.kind}"
        span = self._span(s.REQUEST_SPAN, SpanKind.PRODUCER, _request(request), turn, name=name)
        span.end()
        return _marked(request, span)

    def _decided(self, asked: RecordResponse, settled: Settled, seconds: float) -> None:
        said = _asked(settled.request) | {s.DECISION_TYPE: asked.response.decision.type}
        began, parent = _ago(seconds), _of(settled.request)
        self._span(s.DECIDE_SPAN, SpanKind.CONSUMER, said, parent, began=began).end()

    def _begun(self, begin: BeginEffect, seconds: float) -> None:
        run_id, tool = begin.lease.run_id, begin.action.tool
        said: dict[str, str | int] = {s.OPERATION: s.TOOL_SPAN, s.TOOL: tool, s.TOOL_CALL: begin.call}
        said |= {s.RUN_ID: run_id, s.EFFECT_MODE: begin.mode}
        said |= {s.REQUEST_ID: begin.request_id} if begin.request_id else {}
        turn = None if trace.get_current_span().get_span_context().is_valid else self._turns.get(run_id)
        name = f"{s.TOOL_SPAN} {tool}"
        span = self._span(s.TOOL_SPAN, SpanKind.INTERNAL, said, turn, name=name, began=_ago(seconds))
        self._remember(self._effects, (run_id, begin.call), span)

    def _settled(self, run_id: str, effect: Effect) -> None:
        span = self._effects.pop((run_id, effect.call), None)
        if span is None:
            return
        span.set_attribute(s.EFFECT_STATE, effect.state)
        if effect.state is ActionState.FAILED:
            _fail(span, "tool_failed")
        span.end()

    def _over(self, run_id: str) -> None:
        """The turn is over: what is not known to have ended by now is in doubt."""
        self._turns.pop(run_id, None)
        for place in [place for place in self._effects if place[0] == run_id]:
            span = self._effects.pop(place)
            span.set_attribute(s.EFFECT_STATE, ActionState.IN_DOUBT)
            _fail(span, ActionState.IN_DOUBT)
            span.end()

    # ── spans ────────────────────────────────────────────────────────────────────────────────────────────────

    def _span(
        self,
        kind: str,
        role: SpanKind,
        said: Attributes,
        parent: str | SpanContext | None,
        *,
        name: str | None = None,
        links: Sequence[SpanContext] = (),
        began: int | None = None,
    ) -> Span:
        """A span under `parent`, which may be another process's; without one under what is under way here, if anything.

        What is under way here and is not the parent is linked to.
        """
        here = trace.get_current_span().get_span_context()
        above = _context(parent) if isinstance(parent, str) else parent
        linked = [*links, *([here] if above is not None and here.is_valid and here.trace_id != above.trace_id else [])]
        context = None if above is None else trace.set_span_in_context(trace.NonRecordingSpan(above))
        return self._tracer.start_span(
            name or kind, context, role, dict(said), links=[Link(each) for each in linked], start_time=began
        )

    def _remember(self, kept: dict[Any, Any], key: Any, value: Any) -> None:
        """Only what is under way; more than could be is what nobody has ended."""
        kept[key] = value
        if len(kept) > MOST:
            kept.pop(next(iter(kept)))


def _marked(record: T, span: Span) -> T:
    """A record that carries the context of a span."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(span))
    return record.model_copy(update=carrier) if s.TRACEPARENT in carrier else record


def _of(request: PauseRequest) -> str | None:
    found = (request.model_extra or {}).get(s.TRACEPARENT)
    return found if isinstance(found, str) else None


def _context(traceparent: str | None) -> SpanContext | None:
    """The context that a record carries; None where it carries none that can be read."""
    if not isinstance(traceparent, str):
        return None
    nowhere = trace.set_span_in_context(trace.INVALID_SPAN)
    context = trace.get_current_span(_W3C.extract({s.TRACEPARENT: traceparent}, nowhere)).get_span_context()
    return context if context.is_valid else None


def _run(run: Run) -> dict[str, str | int]:
    return {s.RUN_ID: run.id, s.BACKEND: run.backend, s.AGENT: run.app, s.CONVERSATION: run.thread}


def _asked(request: PauseRequest) -> dict[str, str | int]:
    return {
        s.REQUEST_ID: request.id,
        s.RUN_ID: request.run_id,
        s.KIND: request.kind,
        s.LEVEL: request.level,
    }


def _request(request: PauseRequest) -> dict[str, str | int]:
    return {**_asked(request), s.RULE: request.because.rule, s.TOOL: request.action.tool}


_OUTCOMES: Final[Mapping[type[Any], str]] = {Paused: "paused", Completed: "completed", Broke: "failed"}


def _ended(span: Span, how: Ending | BaseException) -> None:
    if isinstance(how, BaseException):
        span.set_attribute(s.TURN_OUTCOME, "failed")
        _fail(span, _code(how))
        return
    span.set_attribute(s.TURN_OUTCOME, _OUTCOMES[type(how)])
    if isinstance(how, Broke):
        _fail(span, "app_failed")


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, HitlError) else type(error).__name__


def _fail(span: Span, kind: str) -> None:
    """By its kind. What it says may quote an agent or a person."""
    span.set_attribute(s.ERROR, kind)
    span.set_status(Status(StatusCode.ERROR))


def _ago(seconds: float) -> int:
    return time.time_ns() - round(seconds * 1e9)
