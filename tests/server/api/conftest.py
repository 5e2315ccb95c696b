"""Every test of the API has a served shop of its own, and two who call: ann starts and operates, ben decides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.core.shop import Shop
from tests.server.api.calling import Api, api, program


@pytest.fixture
async def served_api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(Shop(tmp_path)) as made:
        yield made


@pytest.fixture
def ann(served_api: Api) -> httpx.AsyncClient:
    return served_api.caller(program("ann"))


@pytest.fixture
def ben(served_api: Api) -> httpx.AsyncClient:
    return served_api.caller(program("ben"))
