"""A browser and a served shop for every test, the browser with a profile that nobody has used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.browser import chromium
from tests.cli.shop import Shop
from tests.server.served import Served, starting

Serve = Callable[..., Served]


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium.path(), args=list(chromium.FLAGS))
        yield started
        await started.close()


@pytest_asyncio.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.build(tmp_path)


@pytest.fixture
def served() -> Iterator[Serve]:
    """`served(shop, *options)` starts `hitl serve` and waits until it listens."""
    with starting() as begin:
        yield begin
