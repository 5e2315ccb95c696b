"""AgentSpec: the neutral recipe of an agent that every adapter can build natively."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..errors import ConfigError, Fault
from ..protocol import ClientTool
from ..tools import Tool, client_tool

_HANDS_OVER: Final = "transfer_to_"
"""How frameworks begin the name of a call with which an agent hands the conversation over."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """An OpenAI-compatible chat model. `base_url` None means the provider's own address."""

    name: str = "gpt-4o-mini"
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    temperature: float | None = None

    def api_key(self, environment: Mapping[str, str] | None = None) -> str:
        """The key from the environment. Raises ConfigError, naming the variable, if there is none."""
        found = (os.environ if environment is None else environment).get(self.api_key_env, "")
        if not found:
            raise ConfigError([Fault(self.api_key_env, "is not set; the model needs a key (any text for a local one)")])
        return found


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """An agent in neutral words. `agents` are sub-agents it can call as tools; `human` offers a handoff to people."""

    name: str
    instructions: str
    tools: tuple[Tool, ...] = ()
    model: ModelSpec = field(default_factory=ModelSpec)
    agents: tuple[AgentSpec, ...] = ()
    description: str = ""
    human: str | None = None

    def __post_init__(self) -> None:
        names = [tool.name for tool in self.tools] + [agent.name for agent in self.agents]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError([Fault(f"{self.name}.{name}", "is defined twice") for name in twice])

    def all_tools(self) -> Iterator[Tool]:
        """Every tool of this agent and of its sub-agents."""
        yield from self.tools
        for agent in self.agents:
            yield from agent.all_tools()

    def with_tools(self, tools: Sequence[ClientTool]) -> AgentSpec:
        """The same agent with the client tools of a run beside its own."""
        return replace(self, tools=(*self.tools, *map(client_tool, tools))) if tools else self


def room_faults(spec: AgentSpec | None, tools: Sequence[ClientTool]) -> list[Fault]:
    """Why the agent of an app cannot have these client tools: it is not built by us, or has what is called the same."""
    if spec is None:
        named = ", ".join(each.name for each in tools)
        problem = f"({named}) have no place here: the app builds its agents itself; name an AgentSpec instead"
        return [Fault("tools", problem)] if tools else []
    taken = {_letters(each.name) for each in spec.agents}
    agents = [each.name for each in tools if _letters(each.name) in taken]
    transfers = [each.name for each in tools if spec.human is not None and each.name.startswith(_HANDS_OVER)]
    return [
        *(Fault(f"tools.{name}", "is the name of a sub-agent of the app; give yours another one") for name in agents),
        *(Fault(f"tools.{name}", "reads like handing the conversation over; name it otherwise") for name in transfers),
    ]


def _letters(name: str) -> str:
    """What is left of a name in whatever way a framework writes it."""
    return "".join(filter(str.isalnum, name)).lower()
