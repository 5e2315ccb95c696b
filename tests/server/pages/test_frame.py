"""The frame of every page: weight, files that are kept for a year, nothing from elsewhere, places by right."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hitl_core.server.auth import Right
from hitl_core.server.pages import filters
from tests.core.shop import one_refund
from tests.server.pages.browser import Page
from tests.server.pages.desk import Desk, at_desk
from tests.server.site import somebody

MOST_BYTES = 102_400


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with at_desk(tmp_path, one_refund) as opened:
        yield opened


async def test_a_page_weighs_less_than_a_photograph(desk: Desk) -> None:
    """Everything that a first visit loads, not compressed."""
    request = await desk.ask()
    for page in (await desk.open(request), await desk.browser.open("/")):
        assert await _weight(desk, page) < MOST_BYTES


async def _weight(desk: Desk, page: Page) -> int:
    files = {value for name in ("href", "src") for value in page.having(name) if "/static/" in value}
    assert len(files) == 5
    return len(page.html.encode()) + sum([len((await desk.browser.client.get(each)).content) for each in files])


async def test_files_are_kept_as_long_as_they_are_what_they_are(desk: Desk) -> None:
    page = await desk.browser.open("/")
    (style,) = [each for each in page.having("href") if each.endswith(".css")]
    found = await desk.browser.client.get(style)
    assert "immutable" in found.headers["cache-control"]
    other = re.sub("/static/[0-9a-f]+/", "/static/000000000000/", style)
    assert (await desk.browser.client.get(other)).status_code == 404
    assert (await desk.browser.client.get("/static/000000000000/..%2f__init__.py")).status_code == 404
    assert "no-store" in (await desk.browser.client.get("/")).headers["cache-control"]


async def test_files_are_sent_packed_to_who_takes_that(desk: Desk) -> None:
    client, sent = desk.browser.client, dict[str, tuple[int, bytes]]()
    style = next(value for value in (await desk.browser.open("/")).having("href") if value.endswith("/hitl.css"))
    for encoding in ("gzip", "identity"):
        async with client.stream("GET", style, headers={"accept-encoding": encoding}) as answer:
            assert answer.headers.get("content-encoding", "identity") == encoding
            assert "accept-encoding" in answer.headers["vary"].lower()
            raw = b"".join([each async for each in answer.aiter_raw()])
            sent[encoding] = len(raw), gzip.decompress(raw) if encoding == "gzip" else raw
    assert sent["gzip"][1] == sent["identity"][1]
    assert sent["gzip"][0] < sent["identity"][0] / 3
    page = await client.get("/", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in page.headers, "the length of a packed page tells of the secrets in it"


async def test_nothing_stands_in_the_page_that_a_strict_policy_forbids(desk: Desk) -> None:
    request = await desk.ask()
    for page in (await desk.open(request), await desk.browser.open("/")):
        assert "<style" not in page.html
        assert not page.having("style")
        assert all("src" in has for tag, has in page.tags if tag == "script")
        assert "http:" not in page.html
        assert "https:" not in page.html


async def test_every_field_has_a_name_for_who_cannot_see_it(desk: Desk) -> None:
    request = await desk.ask()
    for page in (await desk.open(request), await desk.browser.open("/")):
        ids = page.having("id")
        assert len(ids) == len(set(ids))
        labels = set(page.having("for"))
        for tag, has in page.tags:
            typed = tag in ("textarea", "select") or (tag == "input" and has.get("type", "text") in ("text", "date"))
            assert not typed or has.get("id") in labels or _is_inside_a_label(page.html, has["name"]), has
        assert page.having("aria-live")
        assert "Skip to the content" in page.text


def _is_inside_a_label(html: str, name: str) -> bool:
    return re.search(rf'<label[^>]*>(?:(?!</label>).)*name="{re.escape(name)}"', html, re.S) is not None


async def test_the_places_are_those_that_one_may_go_to(desk: Desk) -> None:
    desk.door.now = somebody("ann", rights=frozenset({Right.REQUESTS, Right.RUNS}))
    page = await desk.browser.open("/")
    assert [name for name in ("Inbox", "Runs", "Stops", "Audit", "Policy", "Grants") if name in page.text] == [
        "Inbox",
        "Runs",
    ]
    assert "Stop…" not in page.text


async def test_light_or_dark_is_what_was_chosen(desk: Desk) -> None:
    for cookie, chosen in (("dark", 'data-theme="dark"'), ("<b>", '<html lang="en">')):
        desk.browser.client.cookies.set("hitl_theme", cookie)
        assert chosen in (await desk.browser.open("/")).html


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h"), (11_520, "3 h 12 min"), (90_061, "1 d 1 h")],
)
def test_durations_in_two_units(seconds: int, said: str) -> None:
    assert filters.span(seconds) == said


async def test_a_full_queue_weighs_no_more(tmp_path: Path) -> None:
    async with at_desk(tmp_path, one_refund) as desk:
        for _ in range(30):
            await desk.ask()
        page = await desk.browser.open("/")
        assert page.html.count("data-open") == 17
        assert await _weight(desk, page) < MOST_BYTES
