"""Tool calls through the gate: a middleware for `create_agent` and a wrapper for `ToolNode`.

LangGraph runs a node again from its first line on every resume, so the wrapper asks the gate each time and never
looks at the value that `interrupt()` returns: it only means "look again". With one ToolNode task for several calls
the framework hands an answer to whichever call reaches `interrupt()` first (langgraph#6533); asking again closes that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest

from hitl_core.errors import EffectRefused, LeaseLost, RecordError
from hitl_core.protocol import EffectMode, Proceed

from .driving import Halt, asettle, current, settle
from .messages import Result, answer, noted, outcome_of, refused, said, with_arguments
from .proposals import argument_fault, delegates, propose_call


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
    now = current(request.tool_call["name"])
    fault = argument_fault(request)
    if fault is not None:
        return fault
    if delegates(request):
        return handler(request)
    try:
        proposal = propose_call(now, request, agent)
        verdict = settle(now, proposal)
        if not isinstance(verdict, Proceed):
            return answer(request, verdict)
        neutral = now.gate.catalogue.tool(proposal.action.tool)
        if neutral is not None and neutral.traits.mode is EffectMode.TRANSACTIONAL:
            step = now.gate.carry_out_in_store(verdict, neutral.run_in)
            return said(request, now.gate.blocking(step), verdict.note)
        with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
            result = noted(handler(with_arguments(request, effect.arguments)), verdict.note)
            effect.outcome = outcome_of(result)
        return result
    except (LeaseLost, EffectRefused) as exc:
        raise Halt(str(exc)) from exc
    except RecordError as exc:
        return refused(request, f"This call cannot be shown to anybody, so it did not run: {exc}")


async def agate_tool_call(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]], *, agent: str | None = None
) -> Result:
    """The wrapper for graphs that run on the event loop (`ainvoke`)."""
    now = current(request.tool_call["name"])
    fault = argument_fault(request)
    if fault is not None:
        return fault
    if delegates(request):
        return await handler(request)
    try:
        proposal = propose_call(now, request, agent)
        verdict = await asettle(now, proposal)
        if not isinstance(verdict, Proceed):
            return answer(request, verdict)
        neutral = now.gate.catalogue.tool(proposal.action.tool)
        if neutral is not None and neutral.traits.mode is EffectMode.TRANSACTIONAL:
            made = await now.gate.carry_out_in_store(verdict, neutral.run_in)
            return said(request, made, verdict.note)
        async with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
            result = noted(await handler(with_arguments(request, effect.arguments)), verdict.note)
            effect.outcome = outcome_of(result)
        return result
    except (LeaseLost, EffectRefused) as exc:
        raise Halt(str(exc)) from exc
    except RecordError as exc:
        return refused(request, f"This call cannot be shown to anybody, so it did not run: {exc}")
