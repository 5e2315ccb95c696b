"""All agents that an app can reach, their tools under oversight, and what was noticed about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from agents import (
    Agent,
    ApplyPatchTool,
    CustomTool,
    FunctionTool,
    Handoff,
    HostedMCPTool,
    Model,
    ModelProvider,
    ShellTool,
    Tool,
    function_tool,
)

from hitl_core.contracts import Finding
from hitl_core.errors import AppRefused
from hitl_core.protocol import Json

from ..errors import NESTED_TWICE, TOLD_APART, at_least, sdk_version
from ..suspend import Remembering
from .locals import overseen_local
from .overseen import overseen, oversight_of

HUMAN: Final = "hitl_human"
"""Attribute of a model that is a person."""

_GATED: Final = "hitl_gated"
_BY_PROVIDER: Final = "is carried out by the model's provider, where no gate is"
_UNGATED: Final = "runs here without asking anybody: the SDK has no approval for it"
_NO_GATE: Final = {
    "WebSearchTool": _BY_PROVIDER,
    "FileSearchTool": _BY_PROVIDER,
    "CodeInterpreterTool": _BY_PROVIDER,
    "ImageGenerationTool": _BY_PROVIDER,
    "HostedMCPTool": _BY_PROVIDER,
    "ProgrammaticToolCallingTool": _BY_PROVIDER,
    "ComputerTool": _UNGATED,
    "LocalShellTool": _UNGATED,
}


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
        policed = bool(getattr(agent, _GATED, False))
        agent.tools = [_wrapped(tool, gated=policed) for tool in agent.tools]
        _oversee_servers(agent, gated=policed)


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
        waiting += [each for each in (*_handovers(agent), *_tool_agents(agent)) if isinstance(each, Agent)]


def graph_of(root: Agent[Any]) -> dict[str, Json]:
    """The agents by name, with their tools, the servers of more, and those they hand over to."""
    graph: dict[str, Json] = {}
    for agent in walk(root):
        name = agent.name if agent.name not in graph else f"{agent.name}#{len(graph)}"
        graph[name] = {
            "tools": cast("Json", [_name(tool) for tool in agent.tools]),
            "servers": cast("Json", [server.name for server in agent.mcp_servers]),
            "handoffs": cast("Json", [_target(each) for each in agent.handoffs]),
        }
    return graph


# ── what was found ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Look:
    """One agent, as it was found."""

    agent: Agent[Any]

    def findings(self) -> Iterator[Finding]:
        policed = bool(getattr(self.agent, _GATED, False))
        for tool in self.agent.tools:
            problem = _problem(tool)
            if problem:
                yield Finding("refuse" if policed else "warn", self._place(tool), problem, ungated=True)
        free = [tool.name for tool in self.agent.tools if isinstance(tool, FunctionTool) and _is_free(tool)]
        if free and not policed:
            seen = "no policy sees them (gate_agent would let it)"
            what = f"run without asking, and {seen}: {', '.join(free)}"
            yield Finding("note", self.agent.name, what, ungated=True)
        for each in self.agent.handoffs:
            if isinstance(each, Handoff) and _behind(each) is None:
                what = f"hands over to {each.agent_name!r}, which cannot be looked at"
                yield Finding("warn", self.agent.name, what, ungated=True)

    def _place(self, tool: Tool) -> str:
        return f"{self.agent.name}.{_name(tool)}"


def look_through(root: Agent[Any], *, model: Model | str | None, elsewhere: bool) -> tuple[Finding, ...]:
    """What people should know about these agents before they run. Level `refuse` means that they will not.

    `model`: the one that stands for all of theirs. `elsewhere`: the provider keeps the conversation.
    """
    found = [finding for agent in walk(root) for finding in _Look(agent).findings()]
    people = [agent.name for agent in walk(root) if getattr(agent.model, HUMAN, False)]
    if people and model is not None:
        problem = "the RunConfig has a model for every agent; it would speak in this person's place"
        found += [Finding("refuse", name, problem) for name in people]
    if people and elsewhere:
        problem = "the provider keeps the conversation, and would never hear what this person says"
        found += [Finding("refuse", name, problem) for name in people]
    if not at_least(NESTED_TWICE) and _depth(root, ()) > 1:
        problem = f"openai-agents {sdk_version()} never resolves a pause two agent tools deep; upgrade it"
        found.append(Finding("refuse", root.name, problem))
    if not at_least(TOLD_APART) and (twice := _named_twice(root)):
        problem = f"openai-agents {sdk_version()} cannot tell agents of one name apart; rename one or upgrade it"
        found += [Finding("refuse", name, problem) for name in twice]
    return tuple(found)


def _named_twice(root: Agent[Any]) -> list[str]:
    """The names of agent tools' agents that another agent has too."""
    names = [agent.name for agent in walk(root)]
    inside = {each.name for agent in walk(root) for each in _tool_agents(agent)}
    return sorted(name for name in inside if names.count(name) > 1)


def _problem(tool: Tool) -> str:
    kind = type(tool).__name__
    if isinstance(tool, HostedMCPTool) and tool.on_approval_request is not None:
        return f"{_BY_PROVIDER}; its on_approval_request decides in code, nobody else is asked"
    if isinstance(tool, HostedMCPTool) and cast("Any", tool.tool_config).get("require_approval") == "always":
        return f"{_BY_PROVIDER}: people are asked first, but what it did cannot be recorded"
    if isinstance(tool, ShellTool) and tool.executor is None:
        return _BY_PROVIDER
    if isinstance(tool, ShellTool | ApplyPatchTool | CustomTool) and tool.on_approval is not None:
        return "its on_approval decides in code, nobody else is asked"
    return _NO_GATE.get(kind, "")


def _is_free(tool: FunctionTool) -> bool:
    oversight = oversight_of(tool)
    if oversight is None or oversight.delegates or oversight.gated:
        return False
    return oversight.original.needs_approval is False


def _depth(agent: Agent[Any], above: tuple[int, ...]) -> int:
    """How many agent tools deep an agent can get; agents that contain themselves count once."""
    if id(agent) in above:
        return 0
    inside = [_depth(each, (*above, id(agent))) + 1 for each in _tool_agents(agent)]
    beside = [_depth(each, (*above, id(agent))) for each in _handovers(agent) if isinstance(each, Agent)]
    return max((0, *inside, *beside))


# ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────


def _wrapped(tool: Tool, *, gated: bool) -> Tool:
    if getattr(tool, "hitl_oversight", None) is not None:
        return tool
    if isinstance(tool, FunctionTool):
        return overseen(tool, gated=gated)
    if isinstance(tool, ShellTool) and tool.executor is None:
        return tool
    if isinstance(tool, ShellTool | ApplyPatchTool | CustomTool):
        return overseen_local(tool, gated=gated)
    return tool


def _oversee_servers(agent: Agent[Any], *, gated: bool) -> None:
    """Tools of MCP servers are made anew at every turn; each gets its wrapper then."""
    inner = agent.get_mcp_tools

    async def get_mcp_tools(context: Any) -> list[Tool]:
        return [_wrapped(tool, gated=gated) for tool in await inner(context)]

    cast("Any", agent).get_mcp_tools = get_mcp_tools


def _handovers(agent: Agent[Any]) -> list[Any]:
    return [each if isinstance(each, Agent) else _behind(each) for each in agent.handoffs]


def _behind(made: Handoff[Any, Any]) -> Any:
    """The agent behind a handoff, if the SDK made it from one."""
    reference = getattr(made, "_agent_ref", None)
    return None if reference is None else reference()


def _tool_agents(agent: Agent[Any]) -> list[Agent[Any]]:
    found = [getattr(tool, "_agent_instance", None) for tool in agent.tools]
    return [each for each in found if isinstance(each, Agent)]


def _target(each: Agent[Any] | Handoff[Any, Any]) -> str:
    return each.name if isinstance(each, Agent) else each.agent_name


def _name(tool: Tool) -> str:
    return str(getattr(tool, "name", type(tool).__name__))


def require_agent(made: object, reference: str) -> Agent[Any]:
    """Raises AppRefused for anything that is not an agent."""
    if not isinstance(made, Agent):
        raise AppRefused(f"{reference} gives a {type(made).__name__}, not an Agent or an AgentApp")
    return made
