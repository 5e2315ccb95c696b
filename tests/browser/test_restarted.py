"""The server is killed while somebody decides: who is in stays in, what waits still waits, and one answer counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Browser, expect

from hitl_core.commands import GetRequest
from hitl_core.stores.sqlite import SqliteStore
from tests.cli.shop import Shop, eventually
from tests.server.served import Served, one_port

from .walks import click, press
from .watched import Watch

pytestmark = pytest.mark.processes


@pytest.fixture
def port() -> Iterator[str]:
    with one_port() as held:
        yield held


async def test_killed_while_somebody_decides_it_goes_on_where_it_was(
    browser: Browser, shop: Shop, served: Callable[..., Served], port: str
) -> None:
    run, request = shop.paused(note="")
    first = served(shop, "--port", port)
    context = await browser.new_context(base_url=first.url)
    watch = Watch.over(context, first.url)
    page = await context.new_page()
    await page.goto(first.said["sign_in"])
    await page.get_by_role("button", name="Sign in here").click()
    await page.locator("[data-open]").click()
    await expect(page.locator(".js article.request")).to_be_visible()
    await press(page, "r", "=it is a lamp, ")

    watch.away = True
    first.process.kill()
    first.ended()
    await press(page, "=not a desk")
    shop.config.write_text(shop.config.read_text() + f"\n[server]\nport = {port}\nundo = 1\n")
    second = Served.of(shop.start("serve", "--json"))
    try:
        assert second.url == first.url
        await click(page, ("Reject it",))
        await expect(page.locator("#queue")).to_contain_text("rejected")
        watch.away = False
        eventually(lambda: shop.hitl("runs", run, "--json").json["state"] == "completed", "its worker to go on")
    finally:
        await context.close()
        second.process.kill()
        second.ended()
    store = await SqliteStore.open(shop.folder / "hitl.db")
    settled = await store.fetch(GetRequest(request))
    await store.close()
    assert settled is not None
    assert settled.response is not None
    assert settled.response.decision.model_dump()["message"] == "it is a lamp, not a desk"
    assert settled.response.responder.authenticated_by == "link"
    assert shop.ledger("refund") == []
    watch.judge()


async def test_killed_before_a_held_answer_was_given_the_next_one_gives_it_once(
    browser: Browser, shop: Shop, served: Callable[..., Served]
) -> None:
    run, _ = shop.paused()
    shop.config.write_text(shop.config.read_text() + "\n[server]\nundo = 10\n")
    first = served(shop)
    context = await browser.new_context(base_url=first.url)
    page = await context.new_page()
    await page.goto(first.said["sign_in"])
    await page.get_by_role("button", name="Sign in here").click()
    await page.locator("[data-open]").click()
    await expect(page.locator(".js article.request")).to_be_visible()
    await press(page, "a")
    await expect(page.locator("#queue")).to_contain_text("You have approved")
    first.process.kill()
    first.ended()
    assert shop.ledger("refund") == []
    await context.close()
    served(shop)
    eventually(lambda: bool(shop.ledger("refund")), "the next one to give it")
    eventually(lambda: shop.hitl("runs", run, "--json").json["state"] == "completed", "its worker to go on")
    assert len(shop.ledger("refund")) == 1
