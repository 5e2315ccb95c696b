"""The tools that a run was started with, in the agent that is its graph: our middleware tells the model of them, and
answers for their calls. The graph itself is the same for all runs, and an agent inside another one has none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain.agents.middleware import ModelRequest
from langgraph.config import get_config
from langgraph.prebuilt.tool_node import ToolCallRequest

from hitl_core.errors import AppChanged
from hitl_core.tools import Tool

from ..suspend import Current, Halt


def with_client_tools(now: Current, request: ModelRequest[Any]) -> ModelRequest[Any]:
    """A model call that knows the client tools of its run. Raises Halt if the app has a tool of such a name, too."""
    given = now.turn.run.tools if _is_root(get_config().get("configurable", {})) else ()
    if not given:
        return request
    _refuse_twice({each.name for each in given}, request.tools)
    told = [
        {
            "type": "function",
            "function": {"name": each.name, "description": each.description, "parameters": each.parameters},
        }
        for each in given
    ]
    return request.override(tools=[*request.tools, *told])


def _refuse_twice(names: set[str], tools: Sequence[Any]) -> None:
    """What an app's own middleware adds is known only now."""
    twice = sorted(names & {str(getattr(each, "name", "")) for each in tools})
    if twice:
        error = AppChanged(f"the app has a tool {twice[0]!r}, and this run was started with another one; nothing ran")
        raise Halt(str(error)) from error


def client_tool_of(now: Current, request: ToolCallRequest) -> Tool | None:
    """The client tool that is called, if it is one and the app has none of its name."""
    name = request.tool_call["name"]
    own = any(name == each.name for each in now.turn.run.tools)
    if not own or request.tool is not None or not _is_root(request.runtime.config.get("configurable", {})):
        return None
    return now.gate.catalogue.tool(name)


def _is_root(config: dict[str, Any]) -> bool:
    """Whether this is a node of the graph that the run drives, and not of one inside it."""
    return "|" not in str(config.get("checkpoint_ns", ""))
