"""Each test here is told on both stores. PostgreSQL is one server for all of them, with a schema for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.observing.shop import Shop
from tests.postgres.server import a_schema, a_server


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with a_server() as url:
        yield url


STORES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))


@pytest.fixture(params=STORES)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    return _shop(request, tmp_path)


@pytest.fixture(scope="module", params=STORES)
def told_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One for all tests of a file, which read what was told in it."""
    return _shop(request, tmp_path_factory.mktemp("shop"))


def _shop(request: pytest.FixtureRequest, folder: Path) -> Shop:
    if request.param == "sqlite":
        return Shop.build(folder, f"sqlite:///{folder / 'hitl.db'}")
    return Shop.build(folder, a_schema(request.getfixturevalue("server"), folder))
