"""Sessions: their cookie, their end, and what does not count as one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from hitl_core.commands import ErasePerson, ListSlips, SlipKind, hashed
from hitl_core.config import Serving
from hitl_core.people import Person
from hitl_core.server.auth.secret import is_same, new_secret
from tests.core.shop import Shop
from tests.server.auth.house import PEOPLE, House, by_link, house, who

HOUR = 3600.0
SECURE = "__Host-hitl_session"


def session_of(browser: httpx.AsyncClient) -> str:
    return browser.cookies.get(SECURE) or browser.cookies.get("hitl_session") or ""


async def sessions(at: House) -> int:
    return len((await at.hitl.store.fetch(ListSlips(SlipKind.SESSION, at.hitl.clock.now()))).items)


# ── the cookie ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("at", "url", "name", "secure"),
    [
        ("https://inbox.test", "", SECURE, True),
        ("http://127.0.0.1:8484", "", "hitl_session", False),
        ("http://inbox.test", "https://inbox.test", SECURE, True),
    ],
)
async def test_its_flags(shop: Shop, at: str, url: str, name: str, secure: bool) -> None:
    async with house(shop, Serving(url=url)) as here:
        answer = await by_link_without_cookies_kept(here, at)
        given = SimpleCookie(next(each for each in answer if each.startswith(name + "=")))[name]
        assert (given["httponly"], given["samesite"], given["path"], given["domain"]) == (True, "lax", "/", "")
        assert bool(given["secure"]) is secure
        assert given["max-age"] == str(12 * 3600)


async def by_link_without_cookies_kept(here: House, at: str) -> list[str]:
    """The cookies that a sign-in gives, as they are sent: a client would keep no secure one of http."""
    from tests.server.auth.house import csrf_in

    browser, path = here.browser(at=at), await here.link()
    page = await browser.get(path)
    cookie = page.headers["set-cookie"].partition(";")[0]
    browser.cookies.clear()
    answer = await browser.post(path, data={"csrf": csrf_in(page)}, headers={"cookie": cookie})
    assert answer.status_code == 303
    return answer.headers.get_list("set-cookie")


async def test_the_store_has_its_digest_and_not_its_secret(shop: Shop) -> None:
    async with house(shop) as at:
        secret = session_of(await at.signed_in())
        assert len(secret) >= 43, "256 bits"
    with closing(sqlite3.connect(shop.folder / "shop.db")) as connection:
        whole = "\n".join(connection.iterdump())
    assert secret not in whole
    assert hashed(secret) in whole


async def test_a_plain_cookie_does_not_count_where_there_is_https(shop: Shop) -> None:
    """A neighbouring host or a connection without https could have put it there."""
    async with house(shop) as at:
        secret = session_of(await at.signed_in())
        assert await who(at.browser(), cookie=f"{SECURE}={secret}") == "ann"
        assert await who(at.browser(), cookie=f"hitl_session={secret}") == ""


# ── fixation ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_sign_in_has_a_new_secret_and_the_one_before_is_dropped(shop: Shop) -> None:
    async with house(shop) as at:
        browser = await at.signed_in()
        first = session_of(browser)
        await by_link(browser, await at.link("bob"))
        assert session_of(browser) not in ("", first)
        assert await who(browser) == "bob"
        assert await who(at.browser(), cookie=f"{SECURE}={first}") == ""
        assert await sessions(at) == 1


async def test_a_secret_that_somebody_has_put_there_is_never_taken_over(shop: Shop) -> None:
    async with house(shop) as at:
        browser, planted = at.browser(), new_secret()
        browser.cookies.set(SECURE, planted, domain="inbox.test", path="/")
        await by_link(browser, await at.link())
        assert session_of(browser) != planted
        assert await who(at.browser(), cookie=f"{SECURE}={planted}") == ""


# ── its end ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_ends_when_it_is_not_used(shop: Shop) -> None:
    async with house(shop, Serving(idle=timedelta(hours=1))) as at:
        browser = await at.signed_in()
        for _ in range(4):
            shop.clock.advance(0.9 * HOUR)
            assert await who(browser) == "ann"
        shop.clock.advance(HOUR)
        assert await who(browser) == ""


async def test_it_ends_at_last_however_much_it_is_used(shop: Shop) -> None:
    async with house(shop, Serving(idle=timedelta(hours=1), session=timedelta(hours=3))) as at:
        browser = await at.signed_in()
        for _ in range(5):
            shop.clock.advance(0.55 * HOUR)
            assert await who(browser) == "ann"
        shop.clock.advance(0.3 * HOUR)
        assert await who(browser) == ""


async def test_a_shorter_end_counts_for_those_that_have_begun(shop: Shop) -> None:
    async with house(shop) as at:
        secret = session_of(await at.signed_in())
        shop.clock.advance(HOUR)
    async with house(shop, Serving(session=timedelta(minutes=30))) as at:
        assert await who(at.browser(), cookie=f"{SECURE}={secret}") == ""


async def test_it_outlives_the_server(shop: Shop) -> None:
    async with house(shop) as at:
        secret = session_of(await at.signed_in())
    async with house(shop) as at:
        assert await who(at.browser(), cookie=f"{SECURE}={secret}") == "ann"


async def test_signing_out_drops_it_for_good(shop: Shop) -> None:
    async with house(shop) as at:
        browser = await at.signed_in()
        secret, csrf = session_of(browser), (await browser.get("/who")).json()["csrf"]
        assert (await browser.post("/logout")).status_code == 403
        assert await who(browser) == "ann"
        answer = await browser.post("/logout", data={"csrf": csrf})
        assert (answer.status_code, answer.headers["clear-site-data"]) == (200, '"storage"')
        assert session_of(browser) == ""
        assert await who(at.browser(), cookie=f"{SECURE}={secret}") == ""
        assert await sessions(at) == 0
        (line,) = await at.lines("session.closed")
        assert line.actor == "ann"


async def test_a_person_who_is_erased_is_out(shop: Shop) -> None:
    async with house(shop) as at:
        browser = await at.signed_in()
        await at.hitl.store.apply(ErasePerson("ann", "dora", "asked for", shop.clock.now()))
        assert await who(browser) == ""


@pytest.mark.parametrize(
    "cookie", ["", "x", "x" * 10_000, "é", "%00", "a=b; __Host-hitl_session=", '"', "__Host-hitl_session"]
)
async def test_what_is_no_session_is_nobody(shop: Shop, cookie: str) -> None:
    async with house(shop) as at:
        await at.signed_in()
        assert await who(at.browser(), cookie=f"{SECURE}={cookie}") == ""


async def test_a_digest_is_no_secret(shop: Shop) -> None:
    """Whoever reads the store cannot come in with what they find there."""
    async with house(shop) as at:
        secret = session_of(await at.signed_in())
        assert await who(at.browser(), cookie=f"{SECURE}={hashed(secret)}") == ""


async def test_one_whose_row_is_damaged_is_nobodys(shop: Shop, tmp_path: Path) -> None:
    async with house(shop) as at:
        browser = await at.signed_in()
        with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
            (body,) = connection.execute("SELECT body FROM hitl_slips WHERE kind = 'session'").fetchone()
            connection.execute("UPDATE hitl_bodies SET data = CAST(data || ' ' AS BLOB) WHERE key = ?", (body,))
        assert await who(browser) == ""


def test_secrets_are_compared_in_a_time_that_tells_nothing() -> None:
    """They are looked up by their digest, and compared by the library's own function; what is empty is no secret."""
    import ast
    import inspect

    calls = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(inspect.getsource(is_same))) if isinstance(node, ast.Call)
    }
    assert "hmac.compare_digest" in calls
    assert is_same("é", "é")
    assert not is_same("", "")
    assert not is_same("\ud800", "?x")
    assert len({new_secret() for _ in range(1000)}) == 1000


# ── the directory ────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_removed_from_the_directory_is_out_at_once(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop) as at:
        ann, bob = await at.signed_in("ann"), await at.signed_in("bob")
        told = (await ann.get("/who")).json()
        assert (told["name"], told["roles"], told["tenant"]) == ("Ann Archer", ["lead"], "default")
        shop.people(PEOPLE.replace("people.ann", "people.anna"))
        assert (await who(ann), await who(bob)) == ("", "bob")


async def test_roles_and_tenant_are_what_the_directory_says_now(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop, Serving(rights={"operate": ("lead",)})) as at:
        browser, root = await at.signed_in("ann"), await at.signed_in("root")
        assert "operate" in (await browser.get("/who")).json()["rights"]
        assert (await root.get("/who")).json()["tenant"] is None
        shop.people(PEOPLE.replace('["lead"]\ntenant = "default"', '["clerk"]\ntenant = "shop"'))
        told = (await browser.get("/who")).json()
        assert (told["rights"], told["roles"], told["tenant"]) == (["requests"], ["clerk"], "shop")


class Failing:
    """A directory that works until it does not."""

    def __init__(self) -> None:
        self.broken = False

    async def person(self, id: str) -> Person | None:
        if self.broken:
            raise ConnectionError("the directory is away")
        return Person(id, roles=("lead",))

    async def members(self, role: str) -> tuple[Person, ...]:
        return ()

    async def delegators(self, id: str) -> tuple[Person, ...]:
        return ()


async def test_a_directory_that_fails_knows_nobody(shop: Shop) -> None:
    shop.directory = directory = Failing()
    async with house(shop) as at:
        browser, path = await at.signed_in(), await at.link()
        directory.broken = True
        assert await who(browser) == ""
        late = at.browser()
        assert (await by_link(late, path)).status_code == 403
        assert await who(late) == ""
        directory.broken = False
        assert await who(browser) == "ann"
