"""One server for all tests of this folder, and a schema of its own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hitl_core.stores.postgres import PostgresStore
from tests.postgres.server import a_schema, a_server


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with a_server() as url:
        yield url


@pytest.fixture
def url(server: str, tmp_path: Path) -> str:
    """Where this test has a store."""
    return a_schema(server, tmp_path)


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[PostgresStore]:
    """The store of this test, open."""
    store = await PostgresStore.open(url, folder=tmp_path)
    yield store
    await store.close()
