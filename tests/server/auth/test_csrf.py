"""A change needs the token of its session; what only looks needs none, and a token of the API is no cookie."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hitl_core.server.auth.sessions import csrf_of
from tests.core.shop import Shop
from tests.server.auth.house import house
from tests.server.auth.test_sessions import session_of


async def csrf(browser: httpx.AsyncClient) -> str:
    return str((await browser.get("/who")).json()["csrf"])


@pytest.mark.parametrize("how", ["header", "form", "multipart"])
async def test_it_is_in_a_header_or_in_a_form(shop: Shop, how: str) -> None:
    async with house(shop) as at:
        browser = await at.signed_in()
        token = await csrf(browser)
        ways: dict[str, dict[str, Any]] = {
            "header": {"headers": {"X-CSRF-Token": token}},
            "form": {"data": {"csrf": token}},
            "multipart": {"data": {"csrf": token}, "files": {"a": b"b"}},
        }
        answer = await browser.post("/operate", **ways[how])
        assert (answer.status_code, answer.json()) == (200, "ann")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"data": {"csrf": ""}},
        {"data": {"csrf": "x" * 64}},
        {"json": {"csrf": "TOKEN"}},
        {"content": b"csrf=TOKEN", "headers": {"content-type": "text/plain"}},
        {"params": {"csrf": "TOKEN"}},
        {"headers": {"X-CSRF-Token": "x"}, "data": {"csrf": "TOKEN"}},
        {"files": {"csrf": b"TOKEN"}},
    ],
    ids=str,
)
async def test_what_another_site_can_send_changes_nothing(shop: Shop, given: dict[str, Any]) -> None:
    """Also not the right token where no form of ours has it: in a file, a query, or in a text that calls itself one."""
    async with house(shop) as at:
        browser = await at.signed_in()
        token = await csrf(browser)
        answer = await browser.post("/operate", **_with(given, token))
        assert (answer.status_code, "load the page anew" in answer.text) == (403, True)


def _with(given: Any, token: str) -> Any:
    """The same with the token where it says TOKEN."""
    if isinstance(given, dict):
        return {key: _with(value, token) for key, value in given.items()}
    if isinstance(given, bytes):
        return given.replace(b"TOKEN", token.encode())
    return given.replace("TOKEN", token)


async def test_it_is_its_sessions_own(shop: Shop) -> None:
    async with house(shop) as at:
        ann, bob = await at.signed_in("ann"), await at.signed_in("bob")
        assert (await ann.post("/operate", data={"csrf": await csrf(bob)})).status_code == 403
        before = await csrf(ann)
        assert before == csrf_of(session_of(ann))
        assert session_of(ann) not in before


async def test_nobody_changes_anything(shop: Shop) -> None:
    async with house(shop) as at:
        answer = await at.browser().post("/operate", data={"csrf": ""})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_people_are_sent_to_sign_in_and_come_back(shop: Shop) -> None:
    async with house(shop) as at:
        browser = at.browser(accept="text/html,*/*")
        answer = await browser.get("/who?a=1&b=2")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fwho%3Fa%3D1%26b%3D2")
        part = await browser.get("/who", headers={"hx-request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login")
        assert (await at.browser(accept="application/json").get("/who")).status_code == 401
        page = await browser.get(answer.headers["location"])
        assert (page.status_code, "hitl login" in page.text) == (200, True)
        inside = await at.signed_in()
        onward = await inside.get(answer.headers["location"])
        assert (onward.status_code, onward.headers["location"]) == (303, "/who?a=1&b=2")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.test",
        "https://evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "javascript:alert(1)",
        "/\tevil",
        "/\r\nSet-Cookie: a=b",
        "",
        "/é",
        "/" + "x" * 3000,
    ],
)
async def test_nobody_is_sent_to_another_site(shop: Shop, elsewhere: str) -> None:
    async with house(shop) as at:
        answer = await (await at.signed_in()).get("/login", params={"next": elsewhere})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
