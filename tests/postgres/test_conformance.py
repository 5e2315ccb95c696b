"""The store suite on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_core.contracts import Store
from hitl_core.stores.postgres import PostgresStore
from hitl_core.testing.conformance.stores import STORE_BEHAVIOURS, try_store
from tests.postgres.server import a_schema

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("name", STORE_BEHAVIOURS)
def test_postgres(server: str, name: str) -> None:
    async def open(folder: Path) -> Store:
        return await PostgresStore.open(a_schema(server, folder), folder=folder)

    (result,) = try_store("postgres", open, only=(name,)).results
    assert result.outcome.good, result.because
