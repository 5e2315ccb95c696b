"""The graph of an app: an AgentSpec built with the gate next to every tool, or what the app itself hands over.

Agents that are built here get a checkpointer from the options; an app brings its own.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from pydantic import BaseModel, create_model

from hitl_core.apps import AgentSpec, AppSource, ModelSpec
from hitl_core.errors import AppRefused, ConfigError, Fault
from hitl_core.tools import Tool

from .gating import OversightMiddleware
from .mapping.messages import text_of
from .mapping.output import last_text
from .mapping.ungated import DELEGATES

_PATIENCE: Final = 10.0
"""Seconds that a step waits for a connection to the server of a checkpointer."""

_TRIES: Final = 20
_LOOKS_AGAIN: Final = 0.1
"""How often, and every how many seconds, tables are made that another process may be making."""


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


def chat_model(spec: ModelSpec) -> BaseChatModel:
    """The spec's model through LangChain's own OpenAI client. Raises ConfigError without a key."""
    from langchain_openai import ChatOpenAI  # takes long to load, and only agents that we build need it

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
    async def run(**arguments: Any) -> str:
        return text_of(await tool.run(_plain(arguments)))

    return run


def _blocking_runner(tool: Tool) -> Callable[..., Any]:
    def run(**arguments: Any) -> str:
        return text_of(asyncio.run(tool.run(_plain(arguments))))

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


@asynccontextmanager
async def open_saver(url: str, folder: Path | None) -> AsyncIterator[Any]:
    """The saver for a URL: `memory://`, `sqlite:///FILE` (relative to `folder`) or `postgresql://…`.

    Raises ConfigError for another scheme or a package that is missing.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        from langgraph.checkpoint.memory import InMemorySaver

        yield InMemorySaver()
    elif scheme == "sqlite":
        async with _sqlite((folder or Path.cwd()) / rest.removeprefix("/")) as saver:
            yield saver
    elif scheme in ("postgresql", "postgres"):
        async with _postgres(url) as saver:
            yield saver
    else:
        raise ConfigError(
            [Fault("backend.options.checkpointer", f"{url!r} is not memory://, sqlite:/// or postgresql://")]
        )


@asynccontextmanager
async def _sqlite(path: Path) -> AsyncIterator[Any]:
    try:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    except ModuleNotFoundError as exc:
        raise _missing("langgraph-checkpoint-sqlite") from exc
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        yield saver


@asynccontextmanager
async def _postgres(url: str) -> AsyncIterator[Any]:
    """A saver that outlives its connections: one that was lost with the server is replaced, not kept for ever."""
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg import AsyncConnection
        from psycopg.rows import dict_row
        from psycopg_pool import AsyncConnectionPool
    except ModuleNotFoundError as exc:
        raise _missing("langgraph-checkpoint-postgres") from exc
    how: dict[str, Any] = {"autocommit": True, "prepare_threshold": None, "row_factory": dict_row}
    async with await AsyncConnection.connect(url, **how) as alone:  # says at once what is wrong with a URL
        await _set_up(AsyncPostgresSaver(alone))
    check = AsyncConnectionPool.check_connection
    pool: Any = AsyncConnectionPool(url, kwargs=how, min_size=1, max_size=4, open=False, timeout=_PATIENCE, check=check)
    async with pool:
        yield AsyncPostgresSaver(pool)


async def _set_up(saver: Any) -> None:
    """Make the tables. Processes that begin at once on a new database are in each other's way, and look again."""
    from psycopg import Error

    for _ in range(_TRIES):
        try:
            await saver.setup()
            return
        except Error as exc:
            if exc.sqlstate is None:  # not refused by the server: it is away
                raise
        await asyncio.sleep(_LOOKS_AGAIN)
    await saver.setup()


def _missing(package: str) -> ConfigError:
    return ConfigError([Fault("backend.options.checkpointer", f"needs {package}: pip install {package}")])


# ── graphs that an app hands over ────────────────────────────────────────────────────────────────────────────


async def opened(source: AppSource, stack: AsyncExitStack) -> Any:
    """The compiled graph of an app: a graph, a factory, an async factory, or a context manager of one.

    What it opens stays open on `stack`. Raises AppRefused for anything else.
    """
    made = source.load()
    if callable(made) and not hasattr(made, "get_state"):
        made = made()
    if inspect.isawaitable(made):
        made = await made
    if hasattr(made, "__aenter__"):
        made = await stack.enter_async_context(made)
    elif hasattr(made, "__enter__"):
        made = stack.enter_context(made)
    if not hasattr(made, "get_state"):
        raise AppRefused(f"{source.reference} gives a {type(made).__name__}, not a compiled graph")
    return made
