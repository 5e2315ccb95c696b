"""The graph of an app: an AgentSpec built with the gate next to every tool, or what the app itself hands over.

Agents that are built here get a checkpointer from the options; an app brings its own.
"""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from pydantic import BaseModel, create_model

from hitl_core.apps import AgentSpec, AppSource, ModelSpec
from hitl_core.contracts import Finding
from hitl_core.errors import AppRefused, ConfigError, Fault, StoreUnavailable
from hitl_core.tools import Tool

from .gating import OversightMiddleware
from .mapping.messages import text_of
from .mapping.output import last_text
from .mapping.ungated import DELEGATES


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


_SERVERS: Final = ("postgresql", "postgres")
_LOCKED: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PATIENCE: Final = 10.0
"""Seconds in which a file of SQLite is tried again that others are making; SQLite's own wait comes to each try."""
_AGAIN: Final = 0.05
"""Seconds between two tries."""


def place_of_state(checkpointer: str, store: str) -> str:
    """The URL of the saver: what the options say, else beside the store, so that every machine that has the one has the
    other."""
    if checkpointer:
        return checkpointer
    return store if _is_server(store) else "sqlite:///hitl-langgraph.db"


def elsewhere(checkpointer: str, store: str) -> Iterator[Finding]:
    """What is to be said of a state on this machine, where the store is a server's."""
    if checkpointer and _is_server(store) and not _is_server(checkpointer):
        what = f"{checkpointer!r} is on this machine and the store is not: no other one can resume what pauses here"
        yield Finding("warn", "backend.options.checkpointer", f"{what}; leave it out to keep both in one database")


def _is_server(url: str) -> bool:
    return url.partition("://")[0] in _SERVERS


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
    elif scheme in _SERVERS:
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

    class Saver(AsyncSqliteSaver):
        """Of several processes that make one new file at once, SQLite sends all but one away: they come again."""

        async def setup(self) -> None:
            until = monotonic() + _PATIENCE
            while True:
                try:
                    return await super().setup()
                except sqlite3.OperationalError as exc:
                    if exc.sqlite_errorcode & 0xFF not in _LOCKED or monotonic() >= until:
                        raise
                await asyncio.sleep(_AGAIN)

    async with Saver.from_conn_string(str(path)) as saver:
        yield saver


@asynccontextmanager
async def _postgres(url: str) -> AsyncIterator[Any]:
    """On a pool that replaces lost connections. Nothing is prepared by name: a pooler may stand in between."""
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg import OperationalError
        from psycopg.rows import dict_row
        from psycopg_pool import AsyncConnectionPool
    except ModuleNotFoundError as exc:
        raise _missing("langgraph-checkpoint-postgres") from exc
    how = {"autocommit": True, "prepare_threshold": None, "row_factory": dict_row}
    check = AsyncConnectionPool.check_connection
    pool: Any = AsyncConnectionPool(url, min_size=1, max_size=8, kwargs=how, check=check, open=False)
    async with pool:
        saver = AsyncPostgresSaver(pool)
        try:
            await _made(saver)
        except OperationalError as exc:
            raise StoreUnavailable(f"the checkpointer on PostgreSQL cannot be reached: {str(exc).strip()}") from exc
        yield saver


async def _made(saver: Any) -> None:
    """Its tables. Of those that make them at the same moment, all but one fail at some step: they go on behind it."""
    from psycopg import errors

    taken = (errors.UniqueViolation, errors.DuplicateTable, errors.DuplicateObject, errors.DeadlockDetected)
    for left in reversed(range(len(saver.MIGRATIONS))):
        try:
            await saver.setup()
        except taken:
            if not left:
                raise
            continue
        return


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
