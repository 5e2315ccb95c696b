"""The stores that the contract tests run on. A new store joins by one line in OPENERS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hitl_core.contracts import Store
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import World

Open = Callable[[], Awaitable[Store]]
"""Opens one more handle; for a store in a file all handles of a test share that file."""


def sqlite_file(folder: Path) -> Open:
    return lambda: SqliteStore.open(folder / "contract.db")


def sqlite_memory(folder: Path) -> Open:
    return lambda: SqliteStore.open("sqlite://")


OPENERS: dict[str, Callable[[Path], Open]] = {"sqlite": sqlite_file, "sqlite_memory": sqlite_memory}
SHARED = ("sqlite",)
"""Those whose data outlives a handle and can be opened twice."""


@pytest.fixture(params=OPENERS)
async def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    async for open_one in _opener(OPENERS[request.param](tmp_path)):
        yield open_one


@pytest.fixture(params=SHARED)
async def make_shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    async for open_one in _opener(OPENERS[request.param](tmp_path)):
        yield open_one


async def _opener(open_one: Open) -> AsyncIterator[Open]:
    opened: list[Store] = []

    async def one_more() -> Store:
        opened.append(await open_one())
        return opened[-1]

    yield one_more
    for store in opened:
        await store.close()


@pytest.fixture
async def world(make_store: Open) -> World:
    return World(await make_store())
