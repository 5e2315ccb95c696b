"""Each test has a street of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.core.shop import Shop
from tests.server.agents import Street, street


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Street]:
    async with street(Shop(tmp_path)) as made:
        yield made
