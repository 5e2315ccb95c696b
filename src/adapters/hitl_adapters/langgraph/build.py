"""An AgentSpec as a LangGraph agent: `create_agent` with the gate next to every tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import BaseTool, StructuredTool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.base import BaseCheckpointSaver
from pydantic import BaseModel, create_model

from hitl_core.spec import AgentSpec, ModelSpec
from hitl_core.tools import Tool

from .gating import OversightMiddleware
from .output import last_text
from .proposals import DELEGATES


def build_agent(spec: AgentSpec, *, checkpointer: BaseCheckpointSaver[Any] | None) -> Any:
    """The compiled agent graph of a spec; sub-agents become tools that share the run and its gate."""
    tools = [as_langchain(tool) for tool in spec.tools]
    tools += [_agent_tool(agent) for agent in spec.agents]
    return create_agent(
        model=chat_model(spec.model),
        tools=tools,
        system_prompt=spec.instructions,
        middleware=[OversightMiddleware(spec.name)],
        checkpointer=checkpointer,
        name=spec.name,
    )


def chat_model(spec: ModelSpec) -> ChatOpenAI:
    """The spec's model through LangChain's own OpenAI client. Raises ConfigError without a key."""
    settings: dict[str, Any] = {"model": spec.name, "api_key": spec.api_key()}
    if spec.base_url is not None:
        settings["base_url"] = spec.base_url
    if spec.temperature is not None:
        settings["temperature"] = spec.temperature
    return ChatOpenAI(**settings)


def as_langchain(tool: Tool) -> BaseTool:
    """A neutral tool for LangChain. The gate answers for tools that ask people; they have nothing to run."""
    return StructuredTool.from_function(
        coroutine=_runner(tool),
        func=_blocking_runner(tool),
        name=tool.name,
        description=tool.description,
        args_schema=tool.parameters,
    )


def _runner(tool: Tool) -> Callable[..., Any]:
    async def run(**arguments: Any) -> Any:
        return await tool.run(_plain(arguments))

    return run


def _blocking_runner(tool: Tool) -> Callable[..., Any]:
    def run(**arguments: Any) -> Any:
        import asyncio

        return asyncio.run(tool.run(_plain(arguments)))

    return run


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments that LangChain has parsed into models, as JSON data again; the tool parses them itself."""
    return {name: value.model_dump() if isinstance(value, BaseModel) else value for name, value in arguments.items()}


def _agent_tool(spec: AgentSpec) -> BaseTool:
    """A sub-agent as a tool: it runs inside the caller's run, so its pauses surface there with their lineage."""
    agent = build_agent(spec, checkpointer=None)

    async def ask(task: str) -> str:
        result = await agent.ainvoke({"messages": [("user", task)]})
        return last_text(result["messages"])

    return StructuredTool.from_function(
        coroutine=ask,
        name=spec.name,
        description=spec.description or spec.instructions,
        args_schema=create_model(spec.name, task=(str, ...)),
        metadata={DELEGATES: True},
    )


def agent_input(value: Any) -> dict[str, Any]:
    """A run's input as the state of an agent: text or anything else becomes the user's message."""
    if isinstance(value, dict) and "messages" in value:
        return value
    text = value if isinstance(value, str) else _sentence(value)
    return {"messages": [{"role": "user", "content": text}]}


def _sentence(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name}: {each}" for name, each in value.items())
