"""Tool calls through the gate: a middleware for `create_agent` and a wrapper for `ToolNode`.

LangGraph runs a node again from its first line on every resume, so the wrapper asks the gate each time and is never
told anything through `interrupt()`. With one ToolNode task for several calls the framework hands an answer to
whichever call reaches `interrupt()` first (langgraph#6533); asking again closes that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest

from hitl_core.errors import RecordError
from hitl_core.protocol import EffectMode, Proceed
from hitl_core.tools import Tool

from .driving import Current, Proposal, asettle, current, halting, keeping_invalid, settle
from .messages import Result, answer, noted, outcome_of, said, unshowable, with_arguments
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


def gate_tool_call(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result], *, agent: str | None = None
) -> Result:
    """The wrapper for graphs that run in threads (`invoke`)."""
    now, call = current(request.tool_call["name"]), place_of(request)
    fault = argument_fault(request)
    if fault is not None and now.gate.blocking(now.gate.settled(call)) is None:
        return fault
    if request.tool is None:
        raise gone(request)
    if delegates(request):
        return handler(request)
    try:
        proposal = propose_call(now, request, call, agent)
    except RecordError as exc:
        return unshowable(request, exc)
    with halting(now, proposal):
        verdict = settle(now, proposal)
        if not isinstance(verdict, Proceed):
            return answer(request, verdict)
        neutral = transactional(now, proposal)
        if neutral is not None:
            step = now.gate.carry_out_in_store(verdict, neutral.run_in)
            return said(request, now.gate.blocking(step), verdict.note)
        with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
            with keeping_invalid():
                made = handler(with_arguments(request, effect.arguments))
            result = noted(made, verdict.note)
            effect.outcome = outcome_of(result)
        return result


async def agate_tool_call(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]], *, agent: str | None = None
) -> Result:
    """The wrapper for graphs that run on the event loop (`ainvoke`)."""
    now, call = current(request.tool_call["name"]), place_of(request)
    fault = argument_fault(request)
    if fault is not None and await now.gate.settled(call) is None:
        return fault
    if request.tool is None:
        raise gone(request)
    if delegates(request):
        return await handler(request)
    try:
        proposal = propose_call(now, request, call, agent)
    except RecordError as exc:
        return unshowable(request, exc)
    with now.working(), halting(now, proposal):
        verdict = await asettle(now, proposal)
        if not isinstance(verdict, Proceed):
            return answer(request, verdict)
        neutral = transactional(now, proposal)
        if neutral is not None:
            done = await now.gate.carry_out_in_store(verdict, neutral.run_in)
            return said(request, done, verdict.note)
        async with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
            with keeping_invalid():
                made = await handler(with_arguments(request, effect.arguments))
            result = noted(made, verdict.note)
            effect.outcome = outcome_of(result)
        return result


def transactional(now: Current, proposal: Proposal) -> Tool | None:
    """The neutral tool, if its effect commits in the store's own transaction."""
    neutral = now.gate.catalogue.tool(proposal.action.tool)
    return neutral if neutral is not None and neutral.traits.mode is EffectMode.TRANSACTIONAL else None
