"""The checkpointer of agents that we build, on PostgreSQL: it outlives the server that it was opened on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from hitl_adapters.langgraph.building import open_saver
from tests.postgres.server import a_schema, a_server, restart

pytestmark = pytest.mark.postgres

THREAD: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with a_server() as url:
        yield url


async def keeps(saver: Any) -> str:
    """Keep a checkpoint and read it again: its id."""
    made = empty_checkpoint()
    await saver.aput(THREAD, made, {}, {})
    found = await saver.aget(THREAD)
    assert found["id"] == made["id"]
    return str(found["id"])


async def test_it_goes_on_after_the_server_was_stopped_and_started(server: str, tmp_path: Path) -> None:
    async with open_saver(a_schema(server, tmp_path), tmp_path) as saver:
        before = await keeps(saver)
        await asyncio.to_thread(restart, server)
        found = await saver.aget(THREAD)
        assert found["id"] == before
        assert await keeps(saver) != before
