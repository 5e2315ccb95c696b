"""Tokens of one's own: made for some rights and some time, shown once, and ended."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hitl_core.server.auth import Right
from hitl_core.server.auth.tokens import PREFIX, find, make_own, tokens
from hitl_core.server.site import Site
from tests.core.shop import one_refund
from tests.server.site import somebody

from .desk import Desk, at_desk

SECRET = re.compile(rf"{PREFIX}[\w-]{{20,}}")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with at_desk(tmp_path, one_refund) as opened:
        yield opened


def site_at(desk: Desk) -> Site:
    found: Site = desk.door.app.state.site  # type: ignore[attr-defined]  # the application of FastAPI
    return found


async def test_one_is_made_shown_once_and_lets_in_for_what_it_was_made_for(desk: Desk) -> None:
    page = await desk.browser.open("/tokens")
    assert "You have no tokens" in page.text
    made = await desk.browser.send(
        page.form(action="/tokens"), name="nightly report", lasts="2d", **{"right:requests": None, "right:audit": "1"}
    )
    (secret,) = set(SECRET.findall(made.html))
    come = await find(site_at(desk), secret)
    assert come is not None
    assert (come.responder.id, come.rights) == ("ann", frozenset({Right.AUDIT}))
    again = await desk.browser.open("/tokens")
    assert "nightly report" in again.text
    assert not SECRET.search(again.html)


async def test_one_is_ended_and_lets_nobody_in(desk: Desk) -> None:
    site = site_at(desk)
    secret, made = await make_own(site, somebody(), rights=[Right.RUNS], name="old")
    page = await desk.browser.open("/tokens")
    ended = await desk.browser.send(page.form(action=f"/tokens/{made.id}/revoke"))
    assert "nothing comes in by it any more" in ended.text
    assert await find(site, secret) is None


async def test_another_s_is_neither_shown_nor_ended(desk: Desk) -> None:
    site = site_at(desk)
    secret, made = await make_own(site, somebody("bea"), rights=[Right.RUNS], name="of bea")
    page = await desk.browser.open("/tokens")
    assert "of bea" not in page.text
    sent = await desk.browser.client.post(f"/tokens/{made.id}/revoke", data={"csrf": "csrf-of-ann"})
    assert sent.status_code == 404
    assert await find(site, secret) is not None


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"right:requests": None}, "are none"),
        ({"lasts": "forever"}, "forever"),
        ({"lasts": "500d"}, "more than 366 days"),
    ],
    ids=["for nothing", "no time", "too long"],
)
async def test_what_is_not_made_is_said_and_stays_typed(desk: Desk, typed: dict[str, str | None], why: str) -> None:
    desk.come("ann", rights=frozenset({Right.TOKENS, Right.REQUESTS}))
    page = await desk.browser.open("/tokens")
    assert "have it explained" not in page.text, "it offers what they have themselves"
    refused = await desk.browser.send(page.form(action="/tokens"), **{"name": "mine", **typed})
    assert refused.status in (403, 422)
    assert why in refused.text
    assert refused.form(action="/tokens").fields["name"] == "mine"
    assert await tokens(site_at(desk)) == ()


async def test_nobody_makes_one_for_more_than_they_may(desk: Desk) -> None:
    desk.come("ann", rights=frozenset({Right.TOKENS, Right.REQUESTS}))
    form = (await desk.browser.open("/tokens")).form(action="/tokens")
    sent = await desk.browser.client.post("/tokens", data={**form.fields, "right:policy": "1"})
    assert sent.status_code == 403
    assert await tokens(site_at(desk)) == ()


async def test_who_may_make_none_is_led_to_none(desk: Desk) -> None:
    assert "Your tokens" in (await desk.browser.open("/")).text
    desk.come("ann", rights=frozenset({Right.REQUESTS}))
    assert "Your tokens" not in (await desk.browser.open("/")).text
    assert (await desk.browser.open("/tokens")).status == 403
