"""One server for all tests of this folder, and a schema of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres.server import a_schema, a_server


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with a_server() as url:
        yield url


@pytest.fixture
def url(server: str, tmp_path: Path) -> str:
    """Where this test has a store."""
    return a_schema(server, tmp_path)
