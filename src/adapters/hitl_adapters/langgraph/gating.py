"""Tool calls through the gate: a middleware for `create_agent` and a wrapper for `ToolNode`.

LangGraph runs a node again from its first line on every resume, so the wrapper asks the gate each time and is never
told anything through `interrupt()`. With one ToolNode task for several calls the framework hands an answer to
whichever call reaches `interrupt()` first (langgraph#6533); asking again closes that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest

from hitl_core.errors import RecordError
from hitl_core.gate import Carrying
from hitl_core.protocol import Proceed

from .driving import Current, Proposal, admitted, current, halting, keeping_invalid
from .messages import Result, answer, noted, outcome_of, unshowable, with_arguments
from .proposals import argument_fault, delegates, gone, place_of, propose_call


class OversightMiddleware(AgentMiddleware[Any, Any, Any]):
    """Every tool call of a `create_agent` agent goes through the gate. Put it last, so that it is next to the tool."""

    def __init__(self, agent: str | None = None) -> None:
        super().__init__()
        self.agent = agent

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        return gate_tool_call(request, handler, agent=self.agent)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        return await agate_tool_call(request, handler, agent=self.agent)


def gated_tool_node(tools: list[Any], **options: Any) -> ToolNode:
    """A ToolNode whose tools all go through the gate; `options` are ToolNode's own."""
    return ToolNode(tools, wrap_tool_call=gate_tool_call, awrap_tool_call=agate_tool_call, **options)


@dataclass(frozen=True, slots=True)
class Go:
    """A call that may run now."""

    proposal: Proposal
    allowed: Proceed


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
    with halting(now, found.proposal), now.gate.carry_out(found.allowed, suspends=(GraphBubbleUp,)) as effect:
        with keeping_invalid():
            made = handler(with_arguments(request, effect.arguments))
        return _kept(effect, noted(made, found.allowed.note))


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
        with halting(now, found.proposal):
            async with now.gate.carry_out(found.allowed, suspends=(GraphBubbleUp,)) as effect:
                with keeping_invalid():
                    made = await handler(with_arguments(request, effect.arguments))
                return _kept(effect, noted(made, found.allowed.note))


async def _admit(now: Current, request: ToolCallRequest, agent: str | None) -> Result | Go:
    """Everything before a tool runs: what the model reads instead of its result, or the leave to run it."""
    call = place_of(request)
    fault = argument_fault(request)
    if fault is not None and await now.gate.settled(call) is None:
        return fault
    if request.tool is None:
        raise gone(request)
    try:
        proposal = propose_call(now, request, call, agent)
    except RecordError as exc:
        return unshowable(request, exc)
    verdict = await admitted(now, proposal)
    return Go(proposal, verdict) if isinstance(verdict, Proceed) else answer(request, verdict)


def _kept(effect: Carrying, result: Result) -> Result:
    effect.outcome = outcome_of(result)
    return result
