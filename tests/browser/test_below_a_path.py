"""The inbox as another app has mounted it, below a path: all that it leads to, asks for and sends is below it, too."""

from __future__ import annotations

from datetime import datetime, timedelta

from playwright.async_api import Response, expect

from hitl_core.clock import SystemClock

from . import stories
from .conftest import Opened
from .walks import click, press

UNDO = 3600.0
"""Seconds for which an answer is held: no machine is so slow that it is given before it is taken back."""


class Later(SystemClock):
    """The time of this machine, or so much later as a test says."""

    by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


async def test_it_is_the_same_below_a_path(inbox: Opened) -> None:
    time = Later()
    async with inbox(stories.refunds, below="/hitl", undo=UNDO, time=time) as served:
        answered: dict[str, int] = {}
        page = await served.visit("ann")
        page.on("response", lambda answer: _kept(answered, answer))
        await expect(page).to_have_url(f"{served.url}/")
        request = await served.ask()
        await expect(page.locator("[data-open]")).to_have_count(1)  # as it comes
        for name in ("Runs", "Stops", "Audit", "Policy", "Grants", "Inbox"):
            await page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
            await expect(page.locator(".js .top [aria-current]")).to_have_text(name)
        await press(page, "j", "Enter")
        await expect(page).to_have_url(f"{served.url}/requests/{request.id}")
        await expect(page.locator(".js article.request")).to_be_visible()
        await press(page, "a")
        await expect(page).to_have_url(f"{served.url}/")
        await expect(page.locator(".js #queue")).to_contain_text("You have approved")
        await press(page, "u")
        await expect(page).to_have_url(f"{served.url}/requests/{request.id}")
        await click(page, ("Reject…",), ("Why", "it is a lamp"), ("Reject it",))
        await expect(page.locator("#queue")).to_contain_text("You have rejected")
        time.by = timedelta(seconds=UNDO)
        await expect(page.locator("#queue")).to_contain_text("Given: rejected")
        assert "it is a lamp" in str((await served.done(request)).output)
        await page.locator(".who summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
        assert set(answered.values()) <= {200, 204, 303}
        assert {path.split("/")[2] for path in answered} >= {"feed", "static", "runs", "stops", "policy", "queue"}


def _kept(answered: dict[str, int], answer: Response) -> None:
    path = answer.url.partition("://")[2].partition("/")[2].partition("?")[0]
    answered[f"/{path}"] = answer.status
