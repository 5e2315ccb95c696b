"""What people should know about the agents of an app before they run, and what it takes for them not to run at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from agents import (
    Agent,
    ApplyPatchTool,
    CodeInterpreterTool,
    ComputerTool,
    CustomTool,
    FileSearchTool,
    FunctionTool,
    Handoff,
    HostedMCPTool,
    ImageGenerationTool,
    LocalShellTool,
    Model,
    ProgrammaticToolCallingTool,
    ShellTool,
    Tool,
    ToolSearchTool,
    WebSearchTool,
)
from agents.sandbox import SandboxAgent

from hitl_core.contracts import Finding

from ..errors import NESTED_TWICE, TOLD_APART, at_least, sdk_version
from .graph import behind, handovers, is_person, is_policed, name_of, target_of, tool_agents, walk
from .overseen import Oversight, oversight_of

_KNOWN: Final = (
    ApplyPatchTool,
    CodeInterpreterTool,
    ComputerTool,
    CustomTool,
    FileSearchTool,
    FunctionTool,
    HostedMCPTool,
    ImageGenerationTool,
    LocalShellTool,
    ProgrammaticToolCallingTool,
    ShellTool,
    ToolSearchTool,
    WebSearchTool,
)
"""The tools that this release has looked at; what a later SDK adds may run in a way that nobody here knows."""

_BY_PROVIDER: Final = "is carried out by the model's provider, where no gate is"
_UNGATED: Final = "runs here without asking anybody: the SDK has no approval for it"
_IN_CODE: Final = "its on_approval decides in code, nobody else is asked"


def look_through(root: Agent[Any], *, model: Model | str | None, elsewhere: bool) -> tuple[Finding, ...]:
    """What was found. Level `refuse` means that the agents will not run.

    `model`: the one that stands for all of theirs. `elsewhere`: the provider keeps the conversation.
    """
    found = [finding for agent in walk(root) for finding in _Look(agent).findings()]
    people = [agent.name for agent in walk(root) if is_person(agent)]
    if people and model is not None:
        problem = "the RunConfig has a model for every agent; it would speak in this person's place"
        found += [Finding("refuse", name, f"{problem}. Give each agent its own model") for name in people]
    if people and elsewhere:
        problem = "the provider keeps the conversation, and would never hear what this person says"
        found += [Finding("refuse", name, f"{problem}. Use a `session` instead") for name in people]
    if not at_least(NESTED_TWICE) and _depth(root, ()) > 1:
        problem = f"openai-agents {sdk_version()} never resolves a pause two agent tools deep; upgrade it"
        found.append(Finding("refuse", root.name, problem))
    if not at_least(TOLD_APART) and (twice := _named_twice(root)):
        problem = f"openai-agents {sdk_version()} cannot tell agents of one name apart; rename one or upgrade it"
        found += [Finding("refuse", name, problem) for name in twice]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Look:
    """One agent, as it was found."""

    agent: Agent[Any]

    def findings(self) -> Iterator[Finding]:
        for tool in self.agent.tools:
            if problem := _problem(tool):
                yield replace(self._ungated(f"{self.agent.name}.{name_of(tool)}", problem), tools=(name_of(tool),))
        if isinstance(self.agent, SandboxAgent):
            yield self._ungated(self.agent.name, "has tools of its sandbox, which run there without asking anybody")
        for each in self.agent.handoffs:
            if isinstance(each, Handoff) and behind(each) is None:
                yield self._ungated(self.agent.name, f"hands over to {target_of(each)!r}, which cannot be looked at")
        yield from self._repeating_servers()
        yield from self._free_tools()

    def _ungated(self, place: str, problem: str) -> Finding:
        """Something that goes around the gate: told of, and refused where everything is to go through it."""
        if is_policed(self.agent):
            return Finding("refuse", place, f"{problem}; leave it out, or do without gate_agent", ungated=True)
        return Finding("warn", place, problem, ungated=True)

    def _repeating_servers(self) -> Iterator[Finding]:
        for server in self.agent.mcp_servers:
            attempts = getattr(server, "max_retry_attempts", 0)
            if attempts:
                level = "refuse" if is_policed(self.agent) else "warn"
                problem = f"tries a call that failed again by itself (max_retry_attempts={attempts})"
                advice = "one approval may have several effects. Set it to 0"
                yield Finding(level, f"{self.agent.name}.{server.name}", f"{problem}: {advice}")

    def _free_tools(self) -> Iterator[Finding]:
        if is_policed(self.agent):
            return
        free = [name_of(tool) for tool in self.agent.tools if isinstance(tool, FunctionTool) and _is_free(tool)]
        tools = tuple(free)
        free += [f"what the MCP server {server.name!r} lets run" for server in self.agent.mcp_servers]
        if free:
            seen = "no policy sees them (gate_agent would let it)"
            what = f"run without asking, and {seen}: {', '.join(free)}"
            yield Finding("note", self.agent.name, what, ungated=True, tools=tools)


def _problem(tool: Tool) -> str:
    """How a tool goes around the gate; "" if it does not. A search for tools has no effect: what it finds is gated."""
    if not isinstance(cast("object", tool), _KNOWN):
        return f"is a {type(tool).__name__}, which this release does not know; it may run without asking anybody"
    match tool:
        case HostedMCPTool() if tool.on_approval_request is not None:
            return f"{_BY_PROVIDER}; its on_approval_request decides in code, nobody else is asked"
        case HostedMCPTool() if cast("Any", tool.tool_config).get("require_approval") == "always":
            return f"{_BY_PROVIDER}: people are asked first, but what it did cannot be recorded"
        case ShellTool() if tool.executor is None:
            return _BY_PROVIDER
        case ShellTool() | ApplyPatchTool() | CustomTool():
            return _IN_CODE if tool.on_approval is not None and not _is_gated(tool) else ""
        case ComputerTool() | LocalShellTool():
            return _UNGATED
        case FunctionTool() | ToolSearchTool():
            return ""
        case _:
            return _BY_PROVIDER


def _is_gated(tool: Tool) -> bool:
    oversight = oversight_of(tool)
    return oversight is not None and oversight.gated


def _is_free(tool: FunctionTool) -> bool:
    oversight = oversight_of(tool)
    if not isinstance(oversight, Oversight):
        return tool.needs_approval is False and not tool._is_agent_tool
    return not (oversight.delegates or oversight.gated or oversight.asks)


def _named_twice(root: Agent[Any]) -> list[str]:
    """The names of agent tools' agents that another agent has too."""
    names = [agent.name for agent in walk(root)]
    inside = {each.name for agent in walk(root) for each in tool_agents(agent)}
    return sorted(name for name in inside if names.count(name) > 1)


def _depth(agent: Agent[Any], above: tuple[int, ...]) -> int:
    """How many agent tools deep an agent can get; agents that contain themselves count once."""
    if id(agent) in above:
        return 0
    inside = [_depth(each, (*above, id(agent))) + 1 for each in tool_agents(agent)]
    beside = [_depth(each, (*above, id(agent))) for each in handovers(agent) if isinstance(each, Agent)]
    return max((0, *inside, *beside))
