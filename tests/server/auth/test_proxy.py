"""A proxy says who somebody is: from its own address only, in one header, and of each request."""

from __future__ import annotations

import httpx
import pytest

from hitl_core.config import Proxy, Serving
from tests.core.shop import Shop
from tests.server.auth.house import PEOPLE, House, house, who

PEER = "10.0.0.7"
PROXY = Serving(proxy=Proxy(("10.0.0.0/29", "2001:db8::7"), roles="X-Roles", tenant=""))
ANN = {"X-Forwarded-User": "ann"}


async def sign_in(at: House, peer: str = PEER, headers: object = ANN) -> tuple[httpx.AsyncClient, httpx.Response]:
    browser = at.browser(peer=peer)
    return browser, await browser.get("/login", headers=headers)  # type: ignore[arg-type]  # pairs too, for one twice


async def test_who_comes_through_it_is_in(shop: Shop) -> None:
    async with house(shop, PROXY) as at:
        browser, answer = await sign_in(at, headers={**ANN, "X-Roles": "lead, clerk,,"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        told = (await browser.get("/who", headers={**ANN, "X-Roles": "lead"})).json()
        assert (told["id"], told["how"], told["roles"]) == ("ann", "proxy", ["lead"])
        (line,) = await at.lines("session.opened")
        assert '"authenticated_by":"proxy"' in line.body


@pytest.mark.parametrize("peer", ["10.0.0.7", "2001:db8::7", "::ffff:10.0.0.7"])
async def test_its_addresses(shop: Shop, peer: str) -> None:
    async with house(shop, PROXY) as at:
        assert (await sign_in(at, peer))[1].status_code == 303


@pytest.mark.parametrize("peer", ["10.0.0.8", "192.0.2.1", "127.0.0.1", "2001:db8::8", "::ffff:10.0.0.9", "unix", ""])
async def test_nobody_else_is_believed(shop: Shop, peer: str) -> None:
    """Whatever they say of where they come from."""
    async with house(shop, PROXY) as at:
        forged = {**ANN, "X-Forwarded-For": PEER, "X-Real-IP": PEER, "Forwarded": f"for={PEER}"}
        browser, answer = await sign_in(at, peer, forged)
        assert (answer.status_code, await who(browser, **forged)) == (200, "")
        assert await at.lines("session.opened") == []


async def test_without_one_in_the_file_the_header_is_nothing(shop: Shop) -> None:
    async with house(shop) as at:
        browser, answer = await sign_in(at)
        assert (answer.status_code, await who(browser, **ANN)) == (200, "")


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-User", "ann"), ("X-Forwarded-User", "root")],
        [("X-Forwarded-User", "root"), ("x-forwarded-user", "ann")],
        [("X-Forwarded-User", "")],
        [("X-Forwarded-User", "  ")],
        [("X_Forwarded_User", "ann")],
        [(b"X-Forwarded-User", b"\xff\xfe")],
        [(b"X-Forwarded-User", "ann\u202e".encode())],
        [("X-Forwarded-User", "a" * 300)],
        [],
    ],
    ids=repr,
)
async def test_what_says_nobody_or_two(shop: Shop, headers: object) -> None:
    """A header that a client sent and the proxy added to is no word of the proxy's."""
    async with house(shop, PROXY) as at:
        _, answer = await sign_in(at, headers=headers)
        assert answer.status_code in (200, 403)
        assert await at.lines("session.opened") == []


async def test_a_session_counts_only_while_the_proxy_says_so(shop: Shop) -> None:
    async with house(shop, PROXY) as at:
        browser, _ = await sign_in(at)
        assert await who(browser, **ANN) == "ann"
        assert await who(browser) == "", "signed out at the proxy"
        assert await who(browser, **{"X-Forwarded-User": "bob"}) == "", "somebody else at the same browser"
        cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
        assert await who(at.browser(peer="192.0.2.1"), cookie=cookie, **ANN) == "", "past the proxy"
        assert await who(browser, **ANN) == "ann"


async def test_one_that_is_taken_out_of_the_file_lets_nobody_in(shop: Shop) -> None:
    async with house(shop, PROXY) as at:
        browser, _ = await sign_in(at)
        cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
    async with house(shop) as at:
        assert await who(at.browser(peer=PEER), cookie=cookie, **ANN) == ""


async def test_the_header_alone_is_no_session(shop: Shop) -> None:
    """A form of another site would have it too, as the proxy adds it: so there is a session, and its token."""
    async with house(shop, PROXY) as at:
        assert await who(at.browser(peer=PEER), **ANN) == ""
        browser, _ = await sign_in(at)
        assert (await browser.post("/logout", headers=ANN)).status_code == 403


async def test_the_directory_says_roles_and_tenant_and_who_is_known(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop, PROXY) as at:
        browser, _ = await sign_in(at)
        told = (await browser.get("/who", headers={**ANN, "X-Roles": "root"})).json()
        assert (told["roles"], told["tenant"]) == (["lead"], "default")
        eve, answer = await sign_in(at, headers={"X-Forwarded-User": "eve"})
        assert (answer.status_code, await who(eve, **{"X-Forwarded-User": "eve"})) == (403, "")
        (line,) = await at.lines("session.refused")
        assert line.actor == "eve"


async def test_a_tenant_that_is_to_be_said_has_to_be(shop: Shop) -> None:
    serving = Serving(proxy=Proxy((PEER,), tenant="X-Tenant"))
    async with house(shop, serving) as at:
        assert (await sign_in(at))[1].status_code == 200
        browser, answer = await sign_in(at, headers={**ANN, "X-Tenant": "shop"})
        assert answer.status_code == 303
        assert (await browser.get("/who", headers={**ANN, "X-Tenant": "shop"})).json()["tenant"] == "shop"
        assert (await browser.get("/who", headers=ANN)).status_code == 401


@pytest.mark.parametrize("said", ["*", " * ", "", "  ", "shop,other", "shop, other", "sh\u202eop"])
async def test_nobody_is_of_all_tenants_by_a_header(shop: Shop, said: str) -> None:
    """Nor is a session that began with a tenant one of all of them because its header says so later."""
    async with house(shop, Serving(proxy=Proxy((PEER,), tenant="X-Tenant"))) as at:
        told = [(b"X-Forwarded-User", b"ann"), (b"X-Tenant", said.encode())]
        browser, answer = await sign_in(at, headers=told)
        assert answer.status_code == 200
        assert await at.lines("session.opened") == []
        browser, answer = await sign_in(at, headers={**ANN, "X-Tenant": "shop"})
        assert answer.status_code == 303
        assert (await browser.get("/who", headers=told)).status_code == 401
        twice = [(b"X-Forwarded-User", b"ann"), (b"X-Tenant", b"shop"), (b"X-Tenant", b"other")]
        assert (await browser.get("/who", headers=twice)).status_code == 401
