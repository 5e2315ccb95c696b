"""All agents that an app can reach, and their tools under oversight."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from agents import (
    Agent,
    ApplyPatchTool,
    CustomTool,
    FunctionTool,
    Handoff,
    InputGuardrail,
    Model,
    ModelProvider,
    OutputGuardrail,
    ShellTool,
    Tool,
    function_tool,
)
from agents.realtime import RealtimeAgent

from hitl_core.errors import AppRefused
from hitl_core.protocol import Json

from ..suspend import Remembering, body_of
from .locals import overseen_local
from .overseen import overseen, oversight_of

G = TypeVar("G", InputGuardrail[Any], OutputGuardrail[Any])

HUMAN: Final = "hitl_human"
"""Attribute of a model that is a person."""

_GATED: Final = "hitl_gated"


def gate_agent(agent: Agent[Any]) -> Agent[Any]:
    """Let every call of this agent's tools, and of those it can reach, go to the policy. Returns the same agent.

    Function tools, tools of MCP servers, local shell, patch and custom tools. What cannot be gated is refused when
    the app is attached.
    """
    for each in walk(agent):
        setattr(each, _GATED, True)
        each.tools = [_wrapped(tool, gated=True) for tool in each.tools]
    return agent


def gated(tool: FunctionTool | Callable[..., Any]) -> FunctionTool:
    """Let every call of one function tool go to the policy. Takes a FunctionTool, or a function to make one of."""
    native = tool if isinstance(tool, FunctionTool) else function_tool(tool)
    return overseen(native, gated=True)


def oversee(root: Agent[Any], *, model: Model | str | None, provider: ModelProvider | None) -> None:
    """Put every agent that the root can reach under oversight, once. `model`: the one that stands for all of theirs."""
    for agent in walk(root):
        if isinstance(agent.model, Remembering):
            continue
        its_own = model or agent.model
        hears = not getattr(its_own, HUMAN, False)
        agent.model = Remembering(its_own, agent=agent.name, provider=provider, hears=hears)
        agent.tools = [_wrapped(tool, gated=is_policed(agent)) for tool in agent.tools]
        agent.input_guardrails = set_apart(agent.input_guardrails)
        agent.output_guardrails = set_apart(agent.output_guardrails)
        _oversee_later_tools(agent, gated=is_policed(agent))


def is_person(agent: Agent[Any]) -> bool:
    """Whether an agent's model is a person, under oversight already or not."""
    model = agent.model
    return bool(getattr(model.own if isinstance(model, Remembering) else model, HUMAN, False))


def set_apart(guardrails: Sequence[G] | None) -> list[G]:
    """The guardrails as code of the app's own, beside the turn: many run an agent by hand to make up their mind."""
    return [replace(each, guardrail_function=_apart(each), name=each.get_name()) for each in guardrails or ()]


def _apart(guardrail: G) -> Callable[..., Any]:
    async def checks(*args: Any) -> Any:
        with body_of(f"the guardrail {guardrail.get_name()!r}"):
            made = cast("Any", guardrail).guardrail_function(*args)
            return await made if inspect.isawaitable(made) else made

    return checks


def is_policed(agent: Agent[Any]) -> bool:
    """Whether every call of this agent's tools is to go to the policy."""
    return bool(getattr(agent, _GATED, False))


def walk(root: Agent[Any]) -> Iterator[Agent[Any]]:
    """The root and every agent that it hands over to or uses as a tool, each once."""
    seen: list[Agent[Any]] = []
    waiting = [root]
    while waiting:
        agent = waiting.pop(0)
        if any(agent is each for each in seen):
            continue
        seen.append(agent)
        yield agent
        waiting += [each for each in (*handovers(agent), *tool_agents(agent)) if isinstance(each, Agent)]


def graph_of(root: Agent[Any]) -> dict[str, Json]:
    """The agents by name, with their tools, the servers of more, and those they hand over to."""
    graph: dict[str, Json] = {}
    for agent in walk(root):
        name = agent.name if agent.name not in graph else f"{agent.name}#{len(graph)}"
        graph[name] = {
            "tools": cast("Json", [name_of(tool) for tool in agent.tools]),
            "servers": cast("Json", [server.name for server in agent.mcp_servers]),
            "handoffs": cast("Json", [target_of(each) for each in agent.handoffs]),
        }
    return graph


# ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────


def _wrapped(tool: Tool, *, gated: bool) -> Tool:
    if oversight_of(tool) is not None:
        return tool
    if isinstance(tool, FunctionTool):
        return overseen(tool, gated=gated)
    if isinstance(tool, ShellTool) and tool.executor is None:
        return tool
    if isinstance(tool, ShellTool | ApplyPatchTool | CustomTool):
        return overseen_local(tool, gated=gated)
    return tool


def _oversee_later_tools(agent: Agent[Any], *, gated: bool) -> None:
    """Tools of MCP servers are made anew at every turn, and the app's code may add some: each gets its wrapper then."""
    inner = agent.get_all_tools

    async def get_all_tools(run_context: Any) -> list[Tool]:
        return [_wrapped(tool, gated=gated) for tool in await inner(run_context)]

    cast("Any", agent).get_all_tools = get_all_tools


def handovers(agent: Agent[Any]) -> list[Any]:
    """The agents that an agent hands over to; None for one that cannot be looked at."""
    return [each if isinstance(each, Agent) else behind(each) for each in agent.handoffs]


def behind(made: Handoff[Any, Any]) -> Any:
    """The agent behind a handoff, if the SDK made it from one."""
    reference = getattr(made, "_agent_ref", None)
    return None if reference is None else reference()


def tool_agents(agent: Agent[Any]) -> list[Agent[Any]]:
    """The agents that an agent uses as tools."""
    found = [getattr(tool, "_agent_instance", None) for tool in agent.tools]
    return [each for each in found if isinstance(each, Agent)]


def target_of(each: Agent[Any] | Handoff[Any, Any]) -> str:
    return each.name if isinstance(each, Agent) else each.agent_name


def name_of(tool: Tool) -> str:
    if isinstance(tool, FunctionTool):
        return tool.qualified_name
    return str(getattr(tool, "name", type(tool).__name__))


def require_agent(made: object, reference: str) -> Agent[Any]:
    """Raises AppRefused for anything that is not an agent."""
    if isinstance(made, RealtimeAgent):
        problem = "it works in a live session, which no pause can outlive; have its tools run an Agent"
        raise AppRefused(f"{reference} gives a RealtimeAgent: {problem}")
    if not isinstance(made, Agent):
        raise AppRefused(f"{reference} gives a {type(made).__name__}, not an Agent or an AgentApp")
    return made
