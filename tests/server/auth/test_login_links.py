"""A link signs in one browser, once, by its button; whoever only looks at it changes nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from hitl_core.errors import NotPermitted
from hitl_core.server.auth import login_links
from hitl_core.server.auth.login_links import LASTS
from tests.core.shop import Shop
from tests.server.auth.house import PEOPLE, by_link, csrf_in, house, who


async def test_its_button_signs_in_whoever_it_is_for(shop: Shop) -> None:
    async with house(shop) as at:
        browser = at.browser()
        assert await who(browser) == ""
        answer = await by_link(browser, await at.link("ann"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert await who(browser) == "ann"
        told = (await browser.get("/who")).json()
        assert (told["how"], told["channel"], told["tenant"]) == ("link", "web", None)
        (line,) = await at.lines("session.opened")
        assert (line.actor, '"authenticated_by":"link"' in line.body) == ("ann", True)


async def test_to_look_at_it_uses_nothing_up(shop: Shop) -> None:
    """As programs do that look at what is in messages, with or without a body."""
    async with house(shop) as at:
        path, scanner = await at.link(), at.browser()
        for _ in range(3):
            assert (await scanner.get(path)).status_code == 200
            assert (await scanner.head(path)).status_code == 405
        assert await who(scanner) == ""
        assert (await by_link(at.browser(), path)).status_code == 303


async def test_a_button_that_was_not_on_its_page_does_nothing(shop: Shop) -> None:
    """Another site cannot sign a browser in as somebody of its choice: it has not got what the page has."""
    async with house(shop) as at:
        path, attacker, victim = await at.link("mallory"), at.browser(), at.browser()
        seen = csrf_in(await attacker.get(path))
        for data in ({}, {"csrf": ""}, {"csrf": seen}):
            assert (await victim.post(path, data=data)).status_code == 403
        assert await who(victim) == ""
        assert (await by_link(attacker, path)).status_code == 303


async def test_of_two_that_use_it_at_once_one_is_in(shop: Shop) -> None:
    async with house(shop) as at:
        for _ in range(5):
            path, browsers = await at.link(), [at.browser(), at.browser(), at.browser()]
            forms = [{"csrf": csrf_in(await each.get(path))} for each in browsers]
            pressed = (each.post(path, data=form) for each, form in zip(browsers, forms, strict=True))
            answers = await asyncio.gather(*pressed)
            assert sorted(each.status_code for each in answers) == [303, 410, 410]
            assert sorted([await who(each) for each in browsers]) == ["", "", "ann"]


async def test_one_that_was_used_says_so_and_the_trail_too(shop: Shop) -> None:
    async with house(shop) as at:
        path = await at.link()
        await by_link(at.browser(), path)
        page = await at.browser().get(path)
        assert page.status_code == 410
        assert "does so once" in page.text
        assert await at.lines("session.refused") == []
        late = at.browser()
        fresh = await late.get(await at.link())
        assert (await late.post(path, data={"csrf": csrf_in(fresh)})).status_code == 410
        (line,) = await at.lines("session.refused")
        assert (line.actor, "used before" in line.body) == ("ann", True)


async def test_it_expires(shop: Shop) -> None:
    async with house(shop) as at:
        path, browser = await at.link(), at.browser()
        page = await browser.get(path)
        shop.clock.advance(LASTS.total_seconds())
        assert (await browser.post(path, data={"csrf": csrf_in(page)})).status_code == 404
        assert (await browser.get(path)).status_code == 404
        assert await who(browser) == ""


@pytest.mark.parametrize("secret", ["nothing", "x" * 4000, "%00", "sign-in:abc", "..%2f..%2fwho"])
async def test_one_that_never_was_is_refused_and_leaves_no_line(shop: Shop, secret: str) -> None:
    async with house(shop) as at:
        browser = at.browser()
        fresh = await browser.get(await at.link())
        for answer in (
            await browser.get(f"/login/{secret}"),
            await browser.post(f"/login/{secret}", data={"csrf": csrf_in(fresh)}),
        ):
            assert answer.status_code in (403, 404, 405)
        assert await at.lines("session.refused") == []


async def test_the_link_of_a_session_is_no_link_of_a_message(shop: Shop) -> None:
    """What is kept of it is not found under the digest alone, nor does it hold the secret."""
    from hitl_core.commands import ListSlips, SlipKind, hashed

    async with house(shop) as at:
        secret = await login_links.new_link(at.site, "ann")
        (slip,) = (await at.hitl.store.fetch(ListSlips(SlipKind.LINK, shop.clock.now()))).items
        assert slip.key == f"sign-in:{hashed(secret)}"
        assert secret not in repr(slip)
        assert slip.expires == shop.clock.now() + timedelta(minutes=15)


async def test_nobody_gets_one_whom_the_directory_does_not_know(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop) as at:
        with pytest.raises(NotPermitted, match="'eve' is not in the directory"):
            await login_links.new_link(at.site, "eve")
        path, browser = await at.link("ann"), at.browser()
        shop.people(PEOPLE.replace("ann", "anna"))
        assert (await by_link(browser, path)).status_code == 403
        assert await who(browser) == ""
        (line,) = await at.lines("session.refused")
        assert line.actor == "ann"
