"""Every page, in light, dark and on a phone: axe finds nothing, nothing is wider than the screen, pictures are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from hitl_core.server.auth import login_links

from . import gallery
from .accessible import violations

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {**PHONE, "color_scheme": "light"},
}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def faults_of(page: Page, name: str, look: str) -> list[str]:
    """What is wrong with the page that is shown. Its picture is kept."""
    await gallery.keep(page, name, look)
    found = await violations(page)
    wider = await page.evaluate(WIDER)
    return [f"{name}: {each}" for each in [*found, *([f"{wider} pixels wider than the screen"] if wider > 0 else [])]]


@pytest.mark.parametrize("look", LOOKS)
async def test_every_page_can_be_read_by_everybody(browser: Browser, tmp_path: Path, look: str) -> None:
    async with gallery.at_work(browser, tmp_path) as (served, places):
        faults: list[str] = []
        stranger = await served.stranger(**LOOKS[look])
        for name, path in (("sign-in", "/login"), ("link", f"/login/{await login_links.new_link(served.site, 'ann')}")):
            await stranger.goto(path)
            faults += await faults_of(stranger, name, look)
        page = await served.visit(**LOOKS[look])
        served.allow(404)
        for name, path in places.items():
            await page.goto(path)
            faults += await faults_of(page, name, look)
        assert not faults, "\n".join(faults)
