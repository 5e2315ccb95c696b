"""Runs and stops in a real browser: news comes by itself, nothing that is typed is lost, and nobody else is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page

from hitl_core.clock import SystemClock
from hitl_core.commands import StopScope
from hitl_core.runtime import Runtime
from hitl_core.server import create_app
from tests.core.shop import Shop, decide, one_refund
from tests.server.pages.desk import RULES
from tests.server.site import AsVisitor, served


@asynccontextmanager
async def at_work(folder: Path, page: Page) -> AsyncIterator[tuple[Runtime, str]]:
    """A shop that is served, and at the end: no error in the console, and no request to anybody else."""
    errors, asked = list[str](), list[str]()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    shop = Shop(folder, policy=RULES, time=SystemClock())
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        app = create_app(hitl)
        async with served(AsVisitor(app)) as port:
            here = f"http://127.0.0.1:{port}"
            yield hitl, here
            await page.goto("about:blank")
        assert (errors, [url for url in asked if not url.startswith((here, "about:"))]) == ([], [])


async def test_what_happens_to_a_run_is_shown_as_it_happens(page: Page, tmp_path: Path) -> None:
    async with at_work(tmp_path, page) as (hitl, here):
        run = await hitl.start({}, by="customer-7")
        await page.goto(f"{here}/runs/{run.id}")
        await page.get_by_role("heading", name="It waits for people").last.wait_for()
        await decide(hitl, run, "approve")
        await page.get_by_role("heading", name="The run is complete").wait_for()
        drawn = page.get_by_role("img", name="The path of the run")
        assert "Tools: refund: it ran" in (await drawn.text_content() or "")


async def test_everything_is_stopped_by_keyboard_from_any_page(page: Page, tmp_path: Path) -> None:
    async with at_work(tmp_path, page) as (hitl, here):
        await page.goto(f"{here}/runs")
        await page.get_by_role("link", name="Stop…").focus()
        await page.keyboard.press("Enter")
        reason = page.get_by_label("Reason")
        await reason.focus()
        await page.keyboard.type("Fire drill.")
        await hitl.stop(StopScope.TOOL, "refund", by="bob", reason="It pays twice.")
        await page.get_by_text("1 stop is in force.").wait_for()
        assert await reason.input_value() == "Fire drill.", "news took nothing of what was typed"
        await page.keyboard.press("Enter")
        await page.get_by_text("The stop is in force.").wait_for()
        assert {(each.scope.value, each.by) for each in await hitl.stops()} == {("tool", "bob"), ("all", "ann")}
