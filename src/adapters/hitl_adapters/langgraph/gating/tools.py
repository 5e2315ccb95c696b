"""How a call reaches the gate: a wrapper for `ToolNode`, in `create_agent` too, and `gated` for functions.

LangGraph runs a node again from its first line on every resume, so the wrapper asks the gate each time and is never
told anything through `interrupt()`. With one ToolNode task for several calls the framework hands an answer to
whichever call reaches `interrupt()` first (langgraph#6533); asking again closes that.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast, overload

from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest

from hitl_core.errors import AppChanged, CallRefused, RecordError, ResultNotKept
from hitl_core.gate import Carrying, tried
from hitl_core.protocol import Action, Executed, Failed, Json, Origin, Proceed, Refuse, Substitute, Verdict
from hitl_core.tools import Tool, kept, tool

from ..mapping.calls import (
    Proposal,
    argument_fault,
    client_fault,
    delegates,
    form_of,
    lineage,
    place_of,
    proposal_of,
    twin_of,
)
from ..mapping.messages import Result, answer, noted, outcome_of, refused, unshowable, with_arguments
from ..mapping.wrappers import is_the_gate
from ..suspend import Current, Halt, admitted, current, halting, keeping_invalid
from .clients import client_tool_of
from .words import spoken


def gated_tool_node(tools: list[Any], **options: Any) -> ToolNode:
    """A ToolNode whose tools all go through the gate; `options` are ToolNode's own."""
    return ToolNode(tools, wrap_tool_call=gate_tool_call, awrap_tool_call=agate_tool_call, **options)


@dataclass(frozen=True, slots=True)
class Go:
    """A call that may run now."""

    proposal: Proposal
    allowed: Proceed


@is_the_gate
def gate_tool_call(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result], *, agent: str | None = None
) -> Result:
    """The wrapper for graphs that run in threads (`invoke`)."""
    now = current(request.tool_call["name"])
    if delegates(request):
        return handler(request)
    found = now.gate.blocking(_admit(now, request, agent))
    if not isinstance(found, Go):
        return found
    try:
        with halting(now, found.proposal), now.gate.carry_out(found.allowed, suspends=(GraphBubbleUp,)) as effect:
            with keeping_invalid():
                made = handler(with_arguments(request, effect.arguments))
            return _kept(effect, made, found.allowed.note)
    except ResultNotKept as exc:
        return refused(request, tried(str(exc)))


@is_the_gate
async def agate_tool_call(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]], *, agent: str | None = None
) -> Result:
    """The wrapper for graphs that run on the event loop (`ainvoke`): the same, awaited."""
    now = current(request.tool_call["name"])
    if delegates(request):
        return await handler(request)
    with now.working():
        found = await _admit(now, request, agent)
        if not isinstance(found, Go):
            return found
        try:
            with halting(now, found.proposal):
                async with now.gate.carry_out(found.allowed, suspends=(GraphBubbleUp,)) as effect:
                    with keeping_invalid():
                        made = await handler(with_arguments(request, effect.arguments))
                    return _kept(effect, made, found.allowed.note)
        except ResultNotKept as exc:
            return refused(request, tried(str(exc)))


async def _admit(now: Current, request: ToolCallRequest, agent: str | None) -> Result | Go:
    """Everything before a tool runs: what the model reads instead of its result, or the leave to run it."""
    call = _place(now, request)
    client = client_tool_of(now, request)
    fault = argument_fault(request) if client is None else client_fault(request, client)
    if fault is not None and await now.gate.settled(call) is None:
        return fault
    if request.tool is None and client is None:
        raise _gone(request)
    try:
        neutral = now.gate.catalogue.tool(request.tool_call["name"])
        proposal = proposal_of(request, neutral, call, agent)
    except RecordError as exc:
        return unshowable(request, exc)
    proposal = replace(proposal, form=spoken(proposal.form, request, call))
    verdict = await admitted(now, proposal)
    return Go(proposal, verdict) if isinstance(verdict, Proceed) else answer(request, verdict)


def _place(now: Current, request: ToolCallRequest) -> str:
    """Two calls of one message never share a place, though a model may give them one id."""
    twin = twin_of(request)
    return place_of(request) if twin is None else now.place(request.runtime.config.get("configurable", {}), twin)


def _gone(request: ToolCallRequest) -> Halt:
    """Ends the turn for a call that somebody was asked about and whose tool the app no longer has."""
    error = AppChanged(
        f"the app no longer has the tool {request.tool_call['name']!r} that was decided about; nothing ran"
    )
    halt = Halt(str(error))
    halt.__cause__ = error
    return halt


def _kept(effect: Carrying, result: Result, note: str) -> Result:
    effect.outcome = outcome_of(result, note, returned=effect.returned)
    return noted(result, note)


F = TypeVar("F", bound=Callable[..., Any])


@overload
def gated(function: F, /) -> F: ...
@overload
def gated(function: Tool, /) -> Callable[..., Any]: ...
@overload
def gated(**traits: Any) -> Callable[[F], F]: ...
def gated(function: Callable[..., Any] | Tool | None = None, /, **traits: Any) -> Any:
    """Gate a function that a node calls itself; `traits` as for `tool`.

    It raises CallRefused (HITL-E05) if the answer is no, the function raised or its result cannot be kept, again each
    time the node runs again.
    """
    if function is None:
        return functools.partial(gated, **traits)
    declared = function if isinstance(function, Tool) else tool(**traits)(function)
    made = cast("Callable[..., Any]", declared.function)
    guarded: Any = _gated_async(declared, made) if inspect.iscoroutinefunction(made) else _gated_sync(declared, made)
    guarded.hitl_tool = declared
    return guarded


def _gated_async(declared: Tool, made: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(made)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        now, proposal = _propose(declared, args, kwargs)
        with now.working():
            verdict = await _decided(now, proposal)
            if not isinstance(verdict, Proceed):
                return _obeyed(verdict)
            with _ran(), halting(now, proposal):
                async with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
                    with _recorded(effect) as errors:
                        effect.outcome = Executed(await declared.run(effect.arguments))
        return _result(effect, errors)

    return guarded


def _gated_sync(declared: Tool, made: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(made)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        now, proposal = _propose(declared, args, kwargs)
        verdict = now.gate.blocking(_decided(now, proposal))
        if not isinstance(verdict, Proceed):
            return _obeyed(verdict)
        carrying = now.gate.carry_out(verdict, suspends=(GraphBubbleUp,))
        with _ran(), halting(now, proposal), carrying as effect, _recorded(effect) as errors:
            effect.outcome = Executed(kept(made(**declared.typed(effect.arguments))))
        return _result(effect, errors)

    return guarded


def _propose(declared: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Current, Proposal]:
    now = current(declared.name)
    now.gate.catalogue.learn(declared)
    config = get_config().get("configurable", {})
    place = now.place(config, declared.name)
    origin = Origin(path=lineage(config.get("checkpoint_ns", "")))
    arguments = declared.named(args, kwargs)
    action = Action(tool=declared.name, arguments=arguments, definition=declared.definition, origin=origin)
    return now, Proposal(action, place, form_of(declared, None, action))


async def _decided(now: Current, proposal: Proposal) -> Verdict:
    try:
        return await admitted(now, proposal)
    except RuntimeError as exc:  # in the store's transaction, which was rolled back
        return Refuse(tried(str(exc)))


def _obeyed(verdict: Verdict) -> Json:
    if isinstance(verdict, Substitute):
        return verdict.result
    raise CallRefused(verdict.text if isinstance(verdict, Refuse) else "Nobody has decided about this call.")


@contextmanager
def _recorded(effect: Carrying) -> Iterator[list[Exception]]:
    """What the function raises becomes its outcome, and is listed; only pauses pass, and that it ran."""
    errors: list[Exception] = []
    try:
        with keeping_invalid():
            yield errors
    except (GraphBubbleUp, ResultNotKept):
        raise
    except Exception as exc:
        errors.append(exc)
        effect.outcome = Failed(f"{type(exc).__name__}: {exc}"[:4000])


@contextmanager
def _ran() -> Iterator[None]:
    """A function whose result cannot be kept has run. Raises CallRefused, in the words of its record."""
    try:
        yield
    except ResultNotKept as exc:
        raise CallRefused(tried(str(exc))) from exc


def _result(effect: Carrying, errors: list[Exception]) -> Json:
    if isinstance(effect.outcome, Executed):
        return effect.outcome.result
    error = effect.outcome.error if isinstance(effect.outcome, Failed) else "it has no outcome"
    raise CallRefused(tried(error)) from next(iter(errors), None)
