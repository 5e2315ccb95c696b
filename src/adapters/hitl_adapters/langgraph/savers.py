"""Checkpointers for agents that are built from a spec: SQLite or PostgreSQL, as LangGraph ships them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hitl_core.errors import ConfigError, Fault


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
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    except ModuleNotFoundError as exc:
        raise _missing("langgraph-checkpoint-postgres") from exc
    async with AsyncPostgresSaver.from_conn_string(url) as saver:
        await saver.setup()
        yield saver


def _missing(package: str) -> ConfigError:
    return ConfigError([Fault("backend.options.checkpointer", f"needs {package}: pip install {package}")])
