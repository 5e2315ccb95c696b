"""The middleware for `create_agent`: its tool calls go through the gate, its model hears what people say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langgraph.prebuilt.tool_node import ToolCallRequest

from ..mapping.messages import Result
from ..mapping.wrappers import is_the_gate, only_tells_the_model
from .models import aguided, guided
from .tools import agate_tool_call, gate_tool_call


class OversightMiddleware(AgentMiddleware[Any, Any, Any]):
    """Every tool call of a `create_agent` agent goes through the gate. Put it last, so that it is next to the tool."""

    def __init__(self, agent: str | None = None) -> None:
        super().__init__()
        self.agent = agent

    @is_the_gate
    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        return gate_tool_call(request, handler, agent=self.agent)

    @is_the_gate
    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        return await agate_tool_call(request, handler, agent=self.agent)

    @only_tells_the_model
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        return guided(request, handler)

    @only_tells_the_model
    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        return await aguided(request, handler)
