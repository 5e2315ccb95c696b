"""Headers that others could send: none of them makes somebody of somebody else, or of one request another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import httpx
import pytest

from hitl_core.config import Proxy, Serving
from tests.core.shop import Shop
from tests.server.auth.house import PEOPLE, House, house, who
from tests.server.security.fortress import fortress

SAYS_WHO = {
    "x-forwarded-user": "root",
    "x-remote-user": "root",
    "remote-user": "root",
    "x-webauth-user": "root",
    "x-forwarded-email": "root",
    "x-auth-request-user": "root",
    "x-forwarded-groups": "lead",
    "x-forwarded-for": "127.0.0.1",
    "x-real-ip": "127.0.0.1",
    "forwarded": "for=127.0.0.1;host=inbox.test;proto=https",
    "x-client-cert": "CN=root",
    "authorization": "Basic cm9vdDpyb290",
}
SAYS_WHAT = {
    "x-http-method-override": "DELETE",
    "x-http-method": "DELETE",
    "x-method-override": "POST",
    "x-original-url": "/stops",
    "x-rewrite-url": "/stops",
    "x-forwarded-prefix": "/stops",
    "x-forwarded-path": "/stops",
}

ELSEWHERE = (
    *("https://evil.example", "//evil.example", "/\\evil.example", "/%09/evil.example"),
    *("javascript:alert(1)", "\\\\evil", " //evil"),
)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[House]:
    shop = Shop(tmp_path)
    shop.people(PEOPLE)
    async with house(shop, Serving(proxy=Proxy(("10.0.0.7",), person="X-Forwarded-User"))) as made:
        yield made


async def test_nobody_is_somebody_by_a_header(at: House) -> None:
    believed = {name: await who(at.browser(), **{name: said}) for name, said in SAYS_WHO.items()}
    assert believed == dict.fromkeys(SAYS_WHO, "")


async def test_nor_by_all_of_them(at: House) -> None:
    assert await who(at.browser(), **SAYS_WHO) == ""


async def test_who_is_somebody_stays_that_one(at: House) -> None:
    browser = await at.signed_in("ann")
    spoofed = {name: value for name, value in SAYS_WHO.items() if name != "authorization"}
    assert await who(browser, **spoofed) == "ann"


async def test_a_request_is_what_its_first_line_says(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        before, plain = await at.lines(), await at.ask("GET", "/runs")
        assert plain.status_code == 200
        for name, what in SAYS_WHAT.items():
            said = await at.ask("GET", "/runs", headers={name: what}, params={"_method": "DELETE"})
            assert said.status_code == 200, name
            assert "customer-7" in said.text, name
            assert await at.lines() == before, name


async def test_no_link_leads_where_a_header_says(tmp_path: Path) -> None:
    names = ("x-forwarded-host", "x-host", "x-forwarded-server", "forwarded", "x-forwarded-proto")
    async with fortress(tmp_path) as at:
        at.come(None)
        for name, path in product(names, ("/", "/login", "/login/x", "/l/x", "/login/oidc")):
            answered = await at.ask("GET", path, headers={name: "evil.example"})
            assert "evil.example" not in answered.text + str(answered.headers), (name, path)


async def test_a_session_that_somebody_else_has_chosen_is_none(at: House) -> None:
    """Fixation: who signs in gets a secret of their own, whatever the browser has sent before."""
    browser = at.browser()
    browser.cookies.set("__Host-hitl", "chosen-by-another")
    path = await at.link("ann")
    page = await browser.get(path)
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    answered = await browser.post(path, data={"csrf": csrf})
    assert answered.status_code == 303
    given = [each for each in answered.headers.get_list("set-cookie") if "hitl" in each]
    assert given
    assert not any("chosen-by-another" in each for each in given)
    other = at.browser()
    other.cookies.set("__Host-hitl", "chosen-by-another")
    assert await who(other) == ""


async def test_after_signing_in_nobody_is_sent_elsewhere(at: House) -> None:
    browser = await at.signed_in("ann")
    for onward in ELSEWHERE:
        answered = await browser.get("/login", params={"next": onward})
        assert answered.status_code == 303, onward
        assert httpx.URL("https://inbox.test").join(answered.headers["location"]).host == "inbox.test", onward
