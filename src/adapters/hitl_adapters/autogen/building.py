"""An AgentSpec as AutoGen builds it: an AssistantAgent, with a person beside it in a Swarm if it may hand over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, cast

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import TextMessageTermination
from autogen_agentchat.messages import BaseChatMessage
from autogen_agentchat.teams import Swarm
from autogen_core import CancellationToken
from autogen_core.models import ModelFamily, ModelInfo
from autogen_core.tools import BaseTool, ParametersSchema, ToolSchema
from autogen_ext.models.openai import OpenAIChatCompletionClient
from pydantic import BaseModel, create_model

from hitl_core.apps import AgentSpec, ModelSpec
from hitl_core.tools import Tool

from .gating import oversee
from .gating.workbench import DELEGATES
from .mapping import said, text_of

MOST_STEPS: Final = 100
"""Model calls of one turn. AutoGen's default is one, after which an agent speaks without having read its results."""


class Models:
    """The clients of specs, one per model; they outlive the turns of a run and are closed with the adapter."""

    def __init__(self) -> None:
        self._clients: dict[ModelSpec, OpenAIChatCompletionClient] = {}

    def client(self, spec: ModelSpec) -> OpenAIChatCompletionClient:
        """The spec's model through AutoGen's own client. Raises ConfigError without a key."""
        if spec not in self._clients:
            self._clients[spec] = _client(spec)
        return self._clients[spec]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


def _client(spec: ModelSpec) -> OpenAIChatCompletionClient:
    settings: dict[str, Any] = {"model": spec.name, "api_key": spec.api_key()}
    if spec.base_url is not None:
        settings["base_url"] = spec.base_url
    if spec.temperature is not None:
        settings["temperature"] = spec.temperature
    # Given for every model: AutoGen knows only some names, and refuses the others without it.
    info = ModelInfo(
        vision=False, function_calling=True, json_output=True, family=ModelFamily.UNKNOWN, structured_output=False
    )
    client = OpenAIChatCompletionClient(model_info=info, **settings)
    # The dated name that AutoGen knows for a model is only compared with what the server answers, to warn; servers
    # that are compatible with OpenAI give the name back as it was asked for.
    client._resolved_model = None
    return client


def build_app(spec: AgentSpec, models: Models, *, stream: bool = False) -> AssistantAgent | Swarm:
    """A fresh app of a spec. With `human`, the agent may hand the conversation to a person, who hands it back.

    `stream`: the model answers in parts, for those who watch.
    """
    if spec.human is None:
        return build_agent(spec, models, stream=stream)
    person = UserProxyAgent(identifier(spec.human), description=spec.human)
    agent = build_agent(spec, models, stream=stream, handoffs=[person.name])
    return Swarm([agent, person], termination_condition=TextMessageTermination(agent.name))


def build_agent(
    spec: AgentSpec, models: Models, *, stream: bool = False, handoffs: Sequence[str] = ()
) -> AssistantAgent:
    """A fresh agent of a spec. Its sub-agents are tools that build an agent of their own for each call."""
    tools: list[BaseTool[Any, Any]] = [as_autogen(tool) for tool in spec.tools]
    tools += [_SubAgent(agent, models, stream=stream) for agent in spec.agents]
    return AssistantAgent(
        identifier(spec.name),
        models.client(spec.model),
        tools=list(tools),
        handoffs=list(handoffs),
        description=spec.description or spec.instructions,
        system_message=spec.instructions,
        model_client_stream=stream,
        max_tool_iterations=MOST_STEPS,
    )


def as_autogen(tool: Tool) -> BaseTool[Any, Any]:
    """A neutral tool for AutoGen's agents. The gate answers for tools that ask people; they have nothing to run."""
    return _NeutralTool(tool)


class _NeutralTool(BaseTool[BaseModel, Any]):
    component_type = "tool"

    def __init__(self, tool: Tool) -> None:
        super().__init__(tool.parameters, object, tool.name, tool.description)
        self.hitl_tool = tool

    @property
    def schema(self) -> ToolSchema:
        """What the model is told. Of a client tool as it was given: AutoGen would keep its properties only."""
        if not self.hitl_tool.client:
            return super().schema
        parameters = cast("ParametersSchema", {"properties": {}, **self.hitl_tool.schema})
        return ToolSchema(name=self.name, description=self.description, parameters=parameters, strict=False)

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> Any:
        return await self.hitl_tool.run(args.model_dump(mode="json"))

    def return_value_as_string(self, value: Any) -> str:
        return said(self.name, value).to_text()


class _SubAgent(BaseTool[BaseModel, Any]):
    """An agent as a tool, fresh for each call, so that several calls at once are no trouble."""

    component_type = "tool"

    def __init__(self, spec: AgentSpec, models: Models, *, stream: bool) -> None:
        name = identifier(spec.name)
        super().__init__(create_model(name, task=(str, ...)), str, name, spec.description or spec.instructions)
        self._spec, self._models, self._stream = spec, models, stream
        setattr(self, DELEGATES, True)

    async def run(self, args: Any, cancellation_token: CancellationToken) -> str:
        agent = build_agent(self._spec, self._models, stream=self._stream)
        oversee(agent)
        result = await agent.run(task=args.task, cancellation_token=cancellation_token)
        last = result.messages[-1]
        return text_of(last) if isinstance(last, BaseChatMessage) else ""


def identifier(name: str) -> str:
    """A name that AutoGen takes for an agent: a Python identifier."""
    made = re.sub(r"\W", "_", name) or "agent"
    return made if made.isidentifier() else f"_{made}"
