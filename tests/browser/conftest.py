"""One browser for all tests, each of which has profiles of its own in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser import chromium
from tests.browser.inbox import PATIENCE, Inbox, serving
from tests.cli.shop import Shop
from tests.server.served import Served, starting

Serve = Callable[..., Served]
Opened = Callable[..., AbstractAsyncContextManager[Inbox]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser belongs to one loop, and starting one costs more than most tests."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here and item.get_closest_marker("asyncio"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE * 1000)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium.path(), args=list(chromium.FLAGS))
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


@pytest.fixture
def inbox(browser: Browser, tmp_path: Path) -> Opened:
    """`async with inbox(app, **how) as served` serves an app's inbox; how its pages behaved is judged at the end."""
    return partial(serving, browser, tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.build(tmp_path)


@pytest.fixture
def served() -> Iterator[Serve]:
    """`served(shop, *options)` starts `hitl serve` and waits until it listens."""
    with starting() as begin:
        yield begin
