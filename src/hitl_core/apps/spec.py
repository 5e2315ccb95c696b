"""AgentSpec: the neutral recipe of an agent that every adapter can build natively."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..errors import ConfigError, Fault
from ..tools import Tool


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
