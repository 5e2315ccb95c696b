"""Tokens of the API: what they are good for, for how long, and that they never do more than their person may."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hitl_core.commands import ErasePerson, hashed
from hitl_core.config import Proxy, Serving
from hitl_core.errors import NotPermitted
from hitl_core.protocol import Responder
from hitl_core.server.auth import Right, Visitor, tokens
from hitl_core.server.auth.claims import Claim, visitor_of
from tests.core.shop import Shop
from tests.server.auth.house import PEOPLE, House, body_of, house, who

BOSS = Responder(id="root", channel="terminal")
RUNS = frozenset((Right.RUNS,))
LEADS = Serving(rights={right.value: ("lead",) for right in Right if right is not Right.REQUESTS})


async def made(at: House, person: str = "ann", **fields: Any) -> str:
    secret, _ = await tokens.make(at.site, **{"person": person, "rights": RUNS, "by": BOSS, **fields})
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


async def test_it_lets_its_person_do_what_it_is_for(shop: Shop) -> None:
    async with house(shop) as at:
        secret = await made(at, rights=(Right.RUNS, Right.OPERATE))
        told = (await at.browser().get("/who", headers=bearer(secret))).json()
        assert (told["id"], told["channel"], told["how"], told["csrf"]) == ("ann", "api", "token", "")
        assert told["rights"] == ["operate", "runs"]
        assert (await at.browser().post("/operate", headers=bearer(secret))).json() == "ann"
        only_runs = await made(at)
        assert (await at.browser().post("/operate", headers=bearer(only_runs))).status_code == 403


async def test_the_store_has_its_digest_and_not_what_it_says(shop: Shop) -> None:
    async with house(shop) as at:
        secret = await made(at)
        assert secret.startswith("hitl_")
        assert len(secret) >= 43 + len("hitl_"), "256 bits"
    with closing(sqlite3.connect(shop.folder / "shop.db")) as connection:
        whole = "\n".join(connection.iterdump())
    assert secret not in whole
    assert secret.removeprefix("hitl_") not in whole
    assert hashed(secret) in whole


async def test_making_and_revoking_are_lines_of_the_trail(shop: Shop) -> None:
    async with house(shop) as at:
        secret, token = await tokens.make(at.site, person="ann", rights=RUNS, by=BOSS, name="report", tenant="shop")
        (line,) = await at.lines("token.made")
        told = body_of(line)
        assert (line.actor, line.subject) == ("root", f"token {token.id}")
        assert (told["to"], told["rights"], told["tenant"], told["name"]) == ("ann", ["runs"], "shop", "report")
        assert secret not in line.body
        assert await tokens.revoke(at.site, token.id, by=BOSS)
        (line,) = await at.lines("token.revoked")
        assert (line.actor, line.subject) == ("root", f"token {token.id}")
        assert not await tokens.revoke(at.site, token.id, by=BOSS)
        assert len(await at.lines("token.revoked")) == 1


async def made_by(at: House, secret: str, **more: Any) -> httpx.Response:
    asked = {"rights": ["tokens"], "lasts_seconds": 86_400 * 30, **more}
    return await at.browser().post("/api/tokens", headers=bearer(secret), json=asked)


async def test_one_that_a_token_has_made_ends_with_it(shop: Shop) -> None:
    """So that who has stolen one keeps nothing when it is revoked, or over."""
    shop.people(PEOPLE)
    async with house(shop, LEADS) as at:
        for end in ("revoked", "over"):
            first = await made(at, rights=(Right.TOKENS,), lasts=timedelta(hours=1))
            second = (await made_by(at, first)).json()["secret"]
            third = (await made_by(at, second)).json()["secret"]
            assert [await who(at.browser(), **bearer(each)) for each in (second, third)] == ["ann", "ann"]
            if end == "revoked":
                assert await tokens.revoke(at.site, hashed(first)[:16], by=BOSS)
            else:
                shop.clock.advance(3_600)
            assert [await who(at.browser(), **bearer(each)) for each in (second, third)] == ["", ""]


async def test_tokens_do_not_make_each_other_without_end(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop, LEADS) as at:
        secret = await made(at, rights=(Right.TOKENS,))
        answers = []
        for _ in range(5):
            answers.append(await made_by(at, secret))
            secret = answers[-1].json().get("secret", secret)
        assert [each.status_code for each in answers] == [201, 201, 201, 403, 403]


async def test_one_that_is_revoked_or_over_is_good_for_nothing(shop: Shop) -> None:
    async with house(shop) as at:
        short, revoked = await made(at, lasts=timedelta(hours=1)), await made(at)
        assert await tokens.revoke(at.site, hashed(revoked)[:16], by=BOSS)
        assert await who(at.browser(), **bearer(revoked)) == ""
        assert await who(at.browser(), **bearer(short)) == "ann"
        shop.clock.advance(3600)
        assert await who(at.browser(), **bearer(short)) == ""
        assert await tokens.tokens(at.site) == ()


@pytest.mark.parametrize("forged", ["hitl_", "hitl_x", "hitl_" + "x" * 43, "hitl_" + "x" * 9000, "hitl_é"])
async def test_what_is_none_is_nobodys_and_leaves_no_line(shop: Shop, forged: str) -> None:
    async with house(shop) as at:
        secret = await made(at)
        for each in (forged, secret[:-1], secret + "x", secret.upper(), hashed(secret), f"hitl_{hashed(secret)}"):
            assert await who(at.browser(), **bearer(each)) == ""
        assert await at.lines("session.refused") == []


async def test_it_is_a_bearers_and_comes_once(shop: Shop) -> None:
    async with house(shop) as at:
        secret, other = await made(at), await made(at, person="bob")
        browser = at.browser()
        for header in (secret, f"Basic {secret}", f"Token {secret}", f"Bearer  x {secret}"):
            assert await who(browser, authorization=header) == ""
        assert await who(browser, authorization=f"bearer {secret}") == "ann"
        twice = [("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {other}")]
        assert (await browser.get("/who", headers=twice)).status_code == 401
        assert (await browser.get("/who", params={"access_token": secret})).status_code == 401


async def test_a_session_beside_it_does_not_count(shop: Shop) -> None:
    """A program that carries a token which is over does nothing in the name of whoever is signed in."""
    async with house(shop) as at:
        browser = await at.signed_in("bob")
        assert await who(browser, authorization="Bearer hitl_over") == ""
        assert await who(browser, authorization="Bearer of-a-proxy") == "bob"
        assert await who(browser, **bearer(await made(at))) == "ann"


async def test_it_says_when_it_was_last_used(shop: Shop) -> None:
    async with house(shop) as at:
        secret = await made(at, name="report")
        (token,) = await tokens.tokens(at.site)
        assert (token.name, token.seen) == ("report", None)
        used = shop.clock.now()
        await who(at.browser(), **bearer(secret))
        shop.clock.advance(30)
        await who(at.browser(), **bearer(secret))
        (token,) = await tokens.tokens(at.site)
        assert token.seen == used
        shop.clock.advance(31)
        await who(at.browser(), **bearer(secret))
        (token,) = await tokens.tokens(at.site)
        assert token.seen == shop.clock.now()


async def test_all_are_listed_however_many(shop: Shop) -> None:
    async with house(shop) as at:
        for number in range(103):
            await made(at, person="ann" if number % 2 else "bob", name=str(number))
        assert [each.name for each in await tokens.tokens(at.site)] == [str(n) for n in reversed(range(103))]
        assert len(await tokens.tokens(at.site, person="ann")) == 51


# ── never more than its person ───────────────────────────────────────────────────────────────────────────────


async def test_it_loses_what_its_person_loses(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop, LEADS) as at:
        secret = await made(at)
        assert (await at.browser().get("/who", headers=bearer(secret))).json()["rights"] == ["runs"]
        shop.people(PEOPLE.replace('["lead"]\ntenant = "default"', '["clerk"]\ntenant = "default"'))
        assert (await at.browser().get("/who", headers=bearer(secret))).json()["rights"] == []
        shop.people(PEOPLE.replace("people.ann", "people.anna"))
        assert await who(at.browser(), **bearer(secret)) == ""
        (line,) = await at.lines("session.refused")
        assert (line.actor, body_of(line)["channel"]) == ("ann", "api")


async def test_it_sees_its_tenant_and_no_other(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop, LEADS) as at:
        bound, free = await made(at, person="root", tenant="shop"), await made(at, person="root")
        assert (await at.browser().get("/who", headers=bearer(bound))).json()["tenant"] == "shop"
        assert (await at.browser().get("/who", headers=bearer(free))).json()["tenant"] is None
        shop.people(PEOPLE.replace('tenant = "*"', 'tenant = "other"'))
        assert await who(at.browser(), **bearer(bound)) == ""
        assert (await at.browser().get("/who", headers=bearer(free))).json()["tenant"] == "other"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"person": "eve"}, "'eve' is not in the directory"),
        ({"person": "bob"}, "'runs' is none that 'bob' has"),
        ({"tenant": "shop"}, "not in the directory of people for tenant 'shop'"),
        ({"rights": ()}, "rights: are none"),
        ({"lasts": timedelta()}, "lasts"),
        ({"lasts": timedelta(days=400)}, "at most 366 days"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "at most 100"),
        ({"by": Responder(id="eve")}, "by: 'eve' is not"),
    ],
)
async def test_what_is_not_made(shop: Shop, fields: dict[str, Any], why: str) -> None:
    shop.people(PEOPLE)
    async with house(shop, LEADS) as at:
        with pytest.raises(NotPermitted, match=why):
            await made(at, **fields)
        assert await tokens.tokens(at.site) == ()
        assert await at.lines("token.made") == []


async def visitor_with(at: House, secret: str) -> Visitor:
    come = await tokens.find(at.site, secret)
    assert come is not None
    return come


async def test_what_comes_by_a_token_makes_none_that_can_do_more(shop: Shop) -> None:
    async with house(shop) as at:
        small = await visitor_with(at, await made(at, rights=(Right.TOKENS, Right.RUNS), tenant="shop"))
        for rights, tenant, why in (
            ((Right.RUNS, Right.AUDIT), None, "'audit' is none"),
            ((Right.RUNS,), "other", "tenant: 'other'"),
        ):
            with pytest.raises(NotPermitted, match=why):
                await tokens.make_own(at.site, small, rights=rights, tenant=tenant)
        secret, token = await tokens.make_own(at.site, small, rights=(Right.RUNS,))
        assert (token.tenant, token.person) == ("shop", "ann")
        assert (await visitor_with(at, secret)).rights == RUNS


async def test_without_a_directory_it_keeps_the_roles_of_who_made_it(shop: Shop) -> None:
    """A provider says them when somebody signs in, and is not there to be asked when a program comes."""
    serving = Serving(proxy=Proxy(("10.0.0.7",)), rights={"runs": ("lead",)})
    async with house(shop, serving) as at:
        come = await visitor_of(at.site, Claim("ann", "proxy", ("lead",)))
        assert come is not None
        secret, _ = await tokens.make_own(at.site, come, rights=RUNS, lasts=tokens.UNCHECKED)
        assert (await visitor_with(at, secret)).rights == RUNS
        with pytest.raises(NotPermitted, match="'runs' is none"):
            await made(at)


async def test_a_person_who_is_erased_has_none_left(shop: Shop) -> None:
    async with house(shop) as at:
        secret = await made(at)
        await at.hitl.store.apply(ErasePerson("ann", "dora", "asked for", shop.clock.now()))
        assert await who(at.browser(), **bearer(secret)) == ""
        assert await tokens.tokens(at.site) == ()
        (line,) = await at.lines("token.made")
        assert '"ann"' not in line.body


@pytest.mark.parametrize(("people", "days", "made_it"), [("", 31, False), ("", 30, True), (PEOPLE, 90, True)])
async def test_without_a_directory_whom_a_door_knows_makes_none_that_lasts(
    shop: Shop, people: str, days: int, made_it: bool
) -> None:
    """Nobody says when such a person goes, or has a role no more; a directory is asked each time."""
    if people:
        shop.people(people)
    async with house(shop, Serving(proxy=Proxy(("10.0.0.7",)), rights={"tokens": ("lead",)})) as at:
        come = await visitor_of(at.site, Claim("ann", "proxy", ("lead",)))
        assert come is not None
        making = tokens.make_own(at.site, come, rights={Right.REQUESTS}, lasts=timedelta(days=days))
        if made_it:
            secret, _ = await making
            assert await who(at.browser(), **bearer(secret)) == "ann"
        else:
            with pytest.raises(NotPermitted, match="at most 30 days"):
                await making
