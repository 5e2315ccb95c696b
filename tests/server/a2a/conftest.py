"""Each test has a street of its own, and a caller: `as_("planner")` is its client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.core.shop import Shop
from tests.server.a2a.client import Caller, calling
from tests.server.agents import Street, street

As = Callable[..., Awaitable[Caller]]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Street]:
    async with street(Shop(tmp_path)) as made:
        yield made


@pytest.fixture
async def as_(here: Street) -> AsyncIterator[As]:
    async with AsyncExitStack() as stack:

        async def made(who: str | None, *, streams: bool = False) -> Caller:
            return await stack.enter_async_context(calling(here.url, who, streams=streams))

        yield made
