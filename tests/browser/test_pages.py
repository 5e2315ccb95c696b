"""Every page, in light and dark, also on a phone: axe finds nothing, nothing is too wide, pictures are kept.

Then with all that can be opened on it open, and after what people do on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from hitl_core.server.auth import login_links

from . import gallery, stories
from .accessible import violations
from .inbox import Inbox, serving
from .walks import click, press

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
LOOKS: dict[str, dict[str, Any]] = {"light": {"viewport": {"width": 1280, "height": 720}}, "phone": PHONE}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SCROLLING = """() => [...document.querySelectorAll('.wide')].filter(each => each.scrollWidth > each.clientWidth)
  .map(each => each.getAttribute('aria-label'))"""
OPENED = """() => [...document.querySelectorAll('main details:not([open])')].slice(0, 24).filter(each => {
  each.removeAttribute('name');  // of which only one is open at a time
  return each.open = true;
}).length"""


async def faults_of(page: Page, name: str, look: str) -> list[str]:
    """What is wrong with the page that is shown; at a desk also in the dark, where colours alone differ.

    No table of a phone is wider than the screen either, whatever scrolls in itself.
    """
    found = await violations(page)
    await gallery.keep(page, name, look)
    wider = await page.evaluate(WIDER)
    found += [f"{wider} pixels wider than the screen"] if wider > 0 else []
    if look == "light":
        found += await faults_in_the_dark(page, name)
    elif not name.endswith(".open"):
        found += [f"a table scrolls sideways: {each}" for each in await page.evaluate(SCROLLING)]
        await page.emulate_media(color_scheme="dark")
        await gallery.keep(page, name, "phone-dark")
        await page.emulate_media(color_scheme="light")
    return [f"{name}: {each}" for each in found]


async def faults_in_the_dark(page: Page, name: str) -> list[str]:
    await page.emulate_media(color_scheme="dark")
    found = await violations(page, "color-contrast")
    if not name.endswith(".open"):
        await gallery.keep(page, name, "dark")
    await page.emulate_media(color_scheme="light")
    return [f"in the dark: {each}" for each in found]


async def faults_at(page: Page, name: str, path: str, look: str) -> list[str]:
    """What is wrong with it, and when everything that can be opened is open."""
    await page.goto(path)
    found = await faults_of(page, name, look)
    return found + (await faults_of(page, f"{name}.open", look) if await page.evaluate(OPENED) else [])


@pytest.mark.parametrize("look", LOOKS)
async def test_every_page_can_be_read_by_everybody(browser: Browser, tmp_path: Path, look: str) -> None:
    async with gallery.at_work(browser, tmp_path) as (served, places):
        stranger = await served.stranger(**LOOKS[look])
        faults = await faults_at(stranger, "sign-in", "/login", look)
        faults += await faults_at(stranger, "link", f"/login/{await login_links.new_link(served.site, 'ann')}", look)
        page = await served.visit(**LOOKS[look])
        served.allow(404)
        for name, path in places.items():
            faults += await faults_at(page, name, path, look)
        faults += await faults_after_acts(served, page, places, look)
        assert not faults, "\n".join(faults)


async def faults_after_acts(served: Inbox, page: Page, places: dict[str, str], look: str) -> list[str]:
    """Of the pages that only what somebody does leads to."""
    served.allow(422)
    await page.goto(places["request-pay"])
    await click(page, ("Edit the arguments",), ("amount number", "much"), ("Run it like this",))
    await expect(page.get_by_role("alert")).to_be_visible()
    faults = await faults_of(page, "request-edit-refused", look)
    await page.goto(places["request-pay"])
    await press(page, "a")
    await expect(page.locator("#queue")).to_contain_text("You have approved")
    faults += await faults_of(page, "queue-held", look)
    await page.goto(places["request-pay"])
    faults += await faults_of(page, "request-held", look)
    for number in range(3):
        await served.ask({"do": "jot", "text": f"Called {number} times."})
    await page.goto("/?tool=jot")
    for box in await page.locator("[name=pick]").all():
        await box.check()
    await click(page, ("Decide the chosen ones together…",))
    faults += await faults_of(page, "batch", look)
    await page.locator("select").nth(1).select_option("out")
    await click(page, ("Approve all but the exceptions",))
    await expect(page.get_by_role("heading", level=1)).to_contain_text("answers were taken")
    return faults + await faults_of(page, "batch-done", look)


@pytest.mark.parametrize("look", LOOKS)
async def test_every_way_that_a_link_of_a_message_stands_can_be_read(
    browser: Browser, tmp_path: Path, look: str
) -> None:
    how: dict[str, Any] = {"people": PEOPLE, "routes": (gallery.MAIL,), "policy": gallery.RULES}
    async with serving(browser, tmp_path, stories.refunds, **how) as served:
        stranger, ann = await served.stranger(**LOOKS[look]), await served.visit(**LOOKS[look])
        served.allow(404)
        faults: list[str] = []
        for name, path in (await gallery.links(served)).items():
            faults += await faults_at(ann if name == "link-of-another" else stranger, name, path, look)
        await expect(ann.get_by_role("heading", level=1)).to_have_text("This link is somebody else's")
        assert not faults, "\n".join(faults)


PEOPLE = "[people.ann]\n[people.bea]\n"
