"""An AgentSpec as agents of the SDK, with the gate before every tool."""

from __future__ import annotations

import json
from typing import Any

from agents import Agent, FunctionTool, Model, ModelSettings, OpenAIChatCompletionsModel
from agents.tool_context import ToolContext
from openai import AsyncOpenAI
from pydantic import create_model

from hitl_core.apps import AgentSpec, ModelSpec
from hitl_core.protocol import Kind
from hitl_core.tools import Tool

from ..gating import overseen
from .people import back_to, human_agent

Models = dict[ModelSpec, Model]
"""The models of specs, one for each: they outlive the runs that have agents of their own."""


def build_agent(spec: AgentSpec, models: Models) -> Agent[Any]:
    """The agent of a spec. Sub-agents become tools that share the run and its gate; `human` becomes an agent that is
    a person, to whom the conversation can be handed over. Raises ConfigError without a key for its model."""
    if spec.model not in models:
        models[spec.model] = chat_model(spec.model)
    agent: Agent[Any] = Agent(
        name=spec.name,
        instructions=spec.instructions,
        model=models[spec.model],
        model_settings=_settings(spec.model),
        tools=[as_function_tool(tool) for tool in spec.tools],
        handoff_description=spec.description or None,
    )
    agent.tools += [_agent_tool(each, models) for each in spec.agents]
    if spec.human is not None:
        person = human_agent(spec.human)
        person.handoffs = [back_to(agent)]
        agent.handoffs = [person]
    return agent


def chat_model(spec: ModelSpec) -> Model:
    """The spec's model through the SDK's own client for chat completions. Raises ConfigError without a key."""
    client = AsyncOpenAI(api_key=spec.api_key(), base_url=spec.base_url)
    return OpenAIChatCompletionsModel(model=spec.name, openai_client=client)


def _settings(spec: ModelSpec) -> ModelSettings:
    return ModelSettings(temperature=spec.temperature)


def as_function_tool(tool: Tool) -> FunctionTool:
    """A neutral tool for the SDK. The gate answers for tools that ask people; they have nothing to run."""

    async def run(context: ToolContext[Any], text: str) -> Any:
        made = await tool.run(json.loads(text) if text.strip() else {})
        return made if isinstance(made, str) else json.dumps(made, ensure_ascii=False)

    native = FunctionTool(
        name=tool.name,
        description=tool.description,
        params_json_schema=dict(tool.schema),
        on_invoke_tool=run,
        strict_json_schema=False,
        needs_approval=tool.kind is not Kind.APPROVAL,
    )
    return overseen(native, gated=True, neutral=tool)


def _agent_tool(spec: AgentSpec, models: Models) -> FunctionTool:
    """A sub-agent as a tool. Its failures end the run, which can be retried; the caller is not told of them."""
    task = create_model(spec.name, task=(str, ...))
    return build_agent(spec, models).as_tool(
        tool_name=spec.name,
        tool_description=spec.description or spec.instructions,
        parameters=task,
        input_builder=lambda given: str(given["params"]["task"]),
        failure_error_function=None,
    )
