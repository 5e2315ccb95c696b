"""The same story on every checkpointer that LangGraph ships, sync and async."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from hitl_core.protocol import RunState
from tests.postgres.server import a_server

from . import agents, graphs
from .desk import Desk, answering, approve, editing, sqlite_saver
from .played import PlayedModel, call
from .test_gated_tools import in_threads


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with a_server() as url:
        yield url


@asynccontextmanager
async def async_postgres(uri: str) -> AsyncIterator[Any]:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    async with AsyncPostgresSaver.from_conn_string(uri) as saver:
        await saver.setup()
        yield saver


@asynccontextmanager
async def sync_postgres(uri: str) -> AsyncIterator[Any]:
    from langgraph.checkpoint.postgres import PostgresSaver

    with PostgresSaver.from_conn_string(uri) as saver:
        saver.setup()
        yield saver


def in_memory() -> Callable[[Path], Any]:
    kept = InMemorySaver()

    @asynccontextmanager
    async def same(folder: Path) -> AsyncIterator[Any]:
        yield kept

    return same


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        "async sqlite",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("async postgres", marks=pytest.mark.postgres),
    ]
)
def saver(request: pytest.FixtureRequest) -> Any:
    match request.param:
        case "memory":
            return in_memory()
        case "sqlite":
            return in_threads
        case "async sqlite":
            return sqlite_saver
        case "postgres":
            uri = request.getfixturevalue("postgres")
            return lambda folder: sync_postgres(uri)
        case _:
            uri = request.getfixturevalue("postgres")
            return lambda folder: async_postgres(uri)


async def test_native_pauses(desk: Callable[..., Desk], saver: Any) -> None:
    at = desk(graphs.in_sequence, saver=saver)
    run = await at.answer(await at.start({}), answering("Ada"))
    run = await at.answer(run, lambda request: request.choose("M", by="ann"))
    assert (run.state, run.output) == (RunState.COMPLETED, {"out": ["M for Ada"]})


async def test_gated_tools(desk: Callable[..., Desk], saver: Any) -> None:
    model = PlayedModel(
        turns=[[call("refund", "1", order="A", amount=12), call("refund", "2", order="B", amount=3)], "ok"]
    )
    at = desk(agents.agent(model, [agents.sync_refund]), saver=saver)
    run = await at.answer(await at.start({"messages": [["user", "go"]]}), approve, editing(amount=2.5))
    assert (run.state, run.error, at.effects) == (RunState.COMPLETED, "", ["refund", "refund"])


async def test_a_rewind_and_cancel(desk: Callable[..., Desk], saver: Any) -> None:
    at = desk(graphs.in_a_node, saver=saver)
    run = await at.answer(await at.start({"order": "A"}), approve)
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="ann", reason="wrong")
        assert run.state is RunState.PAUSED
        run = await hitl.cancel(run.id, by="ann")
    assert (run.state, at.effects.count("paid")) == (RunState.CANCELLED, 1)
