"""The browser that the other tests use comes to what `hitl serve` serves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import Page

from tests.cli.shop import Shop
from tests.server.served import Served

pytestmark = pytest.mark.processes


async def test_the_browser_reads_what_is_served(page: Page, shop: Shop, served: Callable[..., Served]) -> None:
    answered = await page.goto(f"{served(shop).url}/openapi.json")
    assert answered is not None
    assert (answered.status, (await answered.json())["info"]["title"]) == (200, "hitl-core")
