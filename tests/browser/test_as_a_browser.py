"""What only a browser shows: coming in and going, reloading, hostile text, focus, the reader's own time."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from hitl_core.lifecycle import RequestState
from hitl_core.server.auth import login_links

from . import stories
from .conftest import Opened
from .walks import click, press

UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\x00\x1b]")
FOCUSED = """() => {
  const at = document.activeElement, after = getComputedStyle(at, '::after'), style = getComputedStyle(at);
  const drawn = s => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2) || s.boxShadow !== 'none';
  const box = at.getBoundingClientRect();
  const ways = [...document.querySelectorAll('*')];
  return {tag: at.tagName, words: (at.innerText || at.name || '').trim(), place: ways.indexOf(at),
          drawn: drawn(style) || drawn(after), seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight};
}"""


async def test_a_link_signs_in_once_and_signing_out_ends_it(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        await served.ask()
        page = await served.stranger()
        await page.goto("/runs")
        await expect(page).to_have_url(re.compile("/login"))
        there = f"/login/{await login_links.new_link(served.site, 'ann')}"
        await page.goto(there)
        await page.goto(there)
        await press(page, "Enter")
        await expect(page.locator("[data-open]")).to_have_count(1)
        other = await served.stranger()
        served.allow(410)
        await other.goto(there)
        await expect(other.locator("main")).to_contain_text("signed somebody in, and does so once")
        await page.locator(".who summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
        await page.goto("/")
        await expect(page).to_have_url(re.compile("/login"))


async def test_what_is_typed_is_there_after_a_reload_and_is_given_once(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        page = await served.visit()
        await page.goto(f"/requests/{request.id}")
        await press(page, "r", "=it is a lamp")
        await page.reload()
        await expect(page.get_by_label("Why", exact=True).locator("visible=true")).to_have_value("it is a lamp")
        await click(page, ("Reject it",))
        settled = await served.decided(request)
        assert settled.response is not None
        assert settled.response.decision.model_dump()["message"] == "it is a lamp"
        await page.goto(f"/requests/{request.id}")
        await expect(page.locator("#status")).to_contain_text("ann has rejected this")
        await expect(page.locator("#decide")).to_have_count(0)


async def test_what_is_typed_is_gone_when_its_person_has_signed_out(inbox: Opened) -> None:
    """Also in another tab, and for whoever comes next in the same one."""
    async with inbox(stories.refunds) as served:
        request, kept = await served.ask(), "Object.values(sessionStorage).join()"
        page = await served.visit()
        await page.goto(f"/requests/{request.id}")
        await press(page, "r", "=she owes me")
        assert "she owes me" in await page.evaluate(kept)
        await page.goto(f"/login/{await login_links.new_link(served.site, 'bea')}")
        await page.get_by_role("button", name="Sign in here").click()
        await expect(page.locator(".who summary")).to_contain_text("bea")
        assert "owes me" not in await page.evaluate(kept), "bea has come in her place"
        await page.goto(f"/requests/{request.id}")
        await press(page, "r", "=so do I")
        assert "so do I" in await page.evaluate(kept)
        await page.locator(".who summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
        assert "so do I" not in await page.evaluate(kept)


async def test_a_double_click_is_one_answer(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        page = await served.visit()
        await page.goto(f"/requests/{request.id}")
        await page.get_by_role("button", name="Approve as shown").dblclick()
        await expect(page).to_have_url(f"{served.url}/")
        await served.done(request)
        assert served.shop.ledger.count("refund") == 1


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_hostile_text_is_text(inbox: Opened, script: bool) -> None:
    async with inbox(stories.hostile) as served:
        request = await served.ask(stories.HOSTILE)
        await served.hitl.comment(request.id, stories.HOSTILE[:4_000], by="bea")
        page = await served.visit(java_script_enabled=script, viewport={"width": 390, "height": 844})
        for path in ("/", f"/requests/{request.id}", f"/runs/{request.run_id}", "/runs", "/audit"):
            await page.goto(path)
            await expect(page).to_have_title(re.compile("hitl"))
            assert not UNSEEN.search(await page.locator("body").inner_text())
            assert await page.locator("img[src*=evil], main script").count() == 0
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
        await page.goto(f"/requests/{request.id}")
        await expect(page.locator("#call")).to_contain_text("{{ 7*7 }}")
        await expect(page.locator("#call")).to_contain_text("<script>")
        await click(page, ("Approve as shown",))
        await served.done(request)
        (line,) = served.shop.ledger.lines("write")
        assert line["text"] == stories.HOSTILE


async def test_the_focus_goes_in_order_and_is_seen(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        page = await served.visit()
        for path in ("/", f"/requests/{request.id}", f"/runs/{request.run_id}", "/stops", "/policy"):
            await page.goto(path)
            await in_order(page)


async def in_order(page: Page) -> None:
    """From the skip link to the end, each stop in the order of the page, on the screen, and drawn round."""
    stops: list[dict[str, Any]] = []
    for _ in range(120):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUSED)
        if stop["tag"] == "BODY" or (stops and stop["place"] == stops[0]["place"]):
            break
        stops.append(stop)
    assert stops[0]["words"] == "Skip to the content"
    assert len(stops) > 8
    assert [each["place"] for each in stops] == sorted(each["place"] for each in stops)
    assert [each for each in stops if not (each["drawn"] and each["seen"])] == []


async def test_keys_mean_nothing_while_somebody_types(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        page = await served.visit()
        await page.goto(f"/requests/{request.id}")
        await page.get_by_label("Comment", exact=True).press_sequentially("a bad idea, rex")
        await expect(page).to_have_url(f"{served.url}/requests/{request.id}")
        await press(page, "Control+a")
        await expect(page.locator("#status[data-held]")).to_have_count(0)
        settled = await served.hitl.request(request.id)
        assert (settled.state, settled.response) == (RequestState.OPEN, None)


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
async def test_times_are_those_of_the_reader(inbox: Opened, zone: str) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        page = await served.visit(timezone_id=zone, locale="en-GB")
        await page.goto(f"/requests/{request.id}")
        local = request.created_at.astimezone(ZoneInfo(zone))
        shown = page.locator("#who time[data-when]").first
        await expect(shown).to_have_text(f"{local.day} {local:%b %Y, %H:%M}")
        plain = await served.visit(timezone_id=zone, java_script_enabled=False)
        await plain.goto(f"/requests/{request.id}")
        await expect(plain.locator("#who time[data-when]").first).to_contain_text("UTC")
