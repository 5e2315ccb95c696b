"""Which rights somebody has, from their roles and from what the file says."""

from __future__ import annotations

import pytest

from hitl_core.config import OpenId, Proxy, Serving
from hitl_core.server.auth import Right
from hitl_core.server.auth.rights import rights_of
from tests.core.shop import Shop
from tests.server.auth.house import PEOPLE, house

ALL = frozenset(Right)
NAMED = Serving(rights={"runs": ("lead", "auditor"), "requests": ("clerk",)})


@pytest.mark.parametrize(
    ("roles", "serving", "alone", "wanted"),
    [
        ((), Serving(), True, ALL),
        ((), Serving(), False, {Right.REQUESTS}),
        (("lead",), Serving(), False, {Right.REQUESTS}),
        (("lead",), NAMED, False, {Right.RUNS}),
        (("clerk", "auditor"), NAMED, False, {Right.REQUESTS, Right.RUNS}),
        ((), NAMED, False, set()),
        ((), NAMED, True, ALL - {Right.RUNS, Right.REQUESTS}),
    ],
)
def test_what_roles_give(roles: tuple[str, ...], serving: Serving, alone: bool, wanted: set[Right]) -> None:
    assert rights_of(roles, serving, alone=alone) == wanted


@pytest.mark.parametrize(
    "door", [Serving(proxy=Proxy(("10.0.0.7",))), Serving(oidc=OpenId("https://accounts.example.com", "hitl"))]
)
async def test_where_others_come_in_too_everything_has_to_be_named(shop: Shop, door: Serving) -> None:
    async with house(shop, door) as at:
        assert (await (await at.signed_in()).get("/who")).json()["rights"] == ["requests"]


async def test_who_has_not_got_it_is_told_what_to_write(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop) as at:
        browser = await at.signed_in()
        csrf = (await browser.get("/who")).json()["csrf"]
        answer = await browser.post("/operate", data={"csrf": csrf})
        assert answer.status_code == 403
        assert '[server.rights] operate = ["lead"]' in answer.json()["detail"]
    async with house(shop, Serving(rights={"operate": ("boss",)})) as at:
        browser = await at.signed_in()
        csrf = (await browser.get("/who")).json()["csrf"]
        answer = await browser.post("/operate", data={"csrf": csrf})
        assert "it needs role boss" in answer.json()["detail"]
