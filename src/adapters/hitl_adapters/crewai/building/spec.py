"""An AgentSpec as a crew of one agent, its model reached by CrewAI's own OpenAI client."""

from __future__ import annotations

import re
from typing import Any

from crewai import LLM, Agent, Crew, Task
from crewai.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr

from hitl_core.protocol import Json
from hitl_core.spec import AgentSpec, ModelSpec
from hitl_core.tools import Tool

from ..gating import HANDS_DOWN, NEUTRAL, hand_over
from ..mapping import sentence

EXPECTED = "A complete answer."


def build_crew(spec: AgentSpec, value: Json, *, stream: bool = False) -> Crew:
    """A fresh crew for one turn: one agent with one task, the run's input. `stream`: somebody watches."""
    agent = build_agent(spec, stream=stream)
    task = Task(description=sentence(value), expected_output=EXPECTED, agent=agent)
    return Crew(name=spec.name, agents=[agent], tasks=[task], verbose=False, tracing=None)


def build_agent(spec: AgentSpec, *, stream: bool = False) -> Agent:
    """The agent of a spec; its sub-agents, and the person it may hand over to, are tools of its."""
    tools: list[BaseTool] = [as_crewai(tool) for tool in spec.tools]
    tools += [AgentTool.of(each, stream=stream) for each in spec.agents]
    tools += [PersonTool.of(spec.human)] if spec.human else []
    settings: dict[str, Any] = {
        "role": spec.name,
        "goal": spec.description or f"Do the work of {spec.name}.",
        "backstory": spec.instructions,
        "llm": chat_model(spec.model, stream=stream),
        "tools": tools,
        "allow_delegation": False,
        "verbose": False,
        "cache": False,
    }
    return Agent(**settings)


def chat_model(spec: ModelSpec, *, stream: bool = False) -> LLM:
    """The spec's model through CrewAI's own OpenAI client. Raises ConfigError without a key."""
    settings: dict[str, Any] = {"model": spec.name, "provider": "openai", "api_key": spec.api_key(), "stream": stream}
    if spec.base_url is not None:
        settings["base_url"] = spec.base_url
    if spec.temperature is not None:
        settings["temperature"] = spec.temperature
    return LLM(**settings)


class NeutralTool(BaseTool):
    """A neutral tool for CrewAI. The gate runs it, or answers for it; CrewAI never does."""

    _hitl: Tool = PrivateAttr()

    def _run(self, **arguments: Any) -> Any:
        raise RuntimeError(f"{self.name} is gated: it runs only inside a run")


def as_crewai(tool: Tool) -> BaseTool:
    made = NeutralTool(name=tool.name, description=tool.description or tool.name, args_schema=tool.parameters)
    object.__setattr__(made, NEUTRAL, tool)
    return made


class TaskFor(BaseModel):
    """What a sub-agent is asked to do."""

    task: str = Field(description="What the agent shall do, with all that it needs to know")


class AgentTool(BaseTool):
    """A sub-agent as a tool: it works inside the caller's run, so its pauses surface there with their lineage."""

    args_schema: type[BaseModel] = TaskFor
    _agent: Agent = PrivateAttr()

    @classmethod
    def of(cls, spec: AgentSpec, *, stream: bool = False) -> AgentTool:
        made = cls(name=spec.name, description=spec.description or spec.instructions)
        made._agent = build_agent(spec, stream=stream)
        object.__setattr__(made, HANDS_DOWN, True)
        return made

    def _run(self, task: str) -> str:
        return str(self._agent.execute_task(Task(description=task, expected_output=EXPECTED, agent=self._agent)))


class Message(BaseModel):
    """What a person is told who is handed the conversation."""

    message: str = Field(default="", description="What the person has to know")


class PersonTool(BaseTool):
    """Hands the conversation to a person, who has the floor until they give it back."""

    args_schema: type[BaseModel] = Message
    _to: str = PrivateAttr()

    @classmethod
    def of(cls, human: str) -> PersonTool:
        name = re.sub(r"[^a-z0-9]+", "_", human.lower()).strip("_")[:48] or "person"
        made = cls(name=f"transfer_to_{name}", description=f"Hand the conversation to a person: {human}")
        made._to = human
        object.__setattr__(made, HANDS_DOWN, True)
        return made

    def _run(self, message: str = "") -> str:
        return hand_over(self.name, self._to, message)
