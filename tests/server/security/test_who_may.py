"""Every route against everybody who may come: nobody, somebody without the right, somebody with it and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hitl_core.config.serving import RIGHTS
from hitl_core.server.doors import Right
from tests.server.security.fortress import fortress, routes_of
from tests.server.security.table import CHANGES, ENDLESS, GUARDED, OF_ONE, TABLE, Open, rights_for
from tests.server.site import EVERYTHING, somebody

every = pytest.mark.parametrize("route", sorted(TABLE), ids=" ".join)
guarded = pytest.mark.parametrize("route", GUARDED, ids=" ".join)
changing = pytest.mark.parametrize("route", CHANGES, ids=" ".join)
NO = (401, 403)
TO_SIGN_IN = 303
ELSEWHERE = "https://evil.example"

Route = tuple[str, str]


def test_the_rights_are_those_that_can_be_configured() -> None:
    assert {right.value for right in Right} == set(RIGHTS)


async def test_every_route_stands_in_the_table(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        found = routes_of(at.app)
    assert found - TABLE.keys() == set(), "say in tests/server/security/table.py who may come there"
    assert TABLE.keys() - found == set(), "there is no such route any more"


async def test_nobody_comes_to_anything_that_is_not_open(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(None)
        before, wrong = await at.lines(), []
        for method, template in sorted(TABLE):
            needs = TABLE[method, template]
            answered = await at.ask(method, at.path(template))
            to_sign_in = answered.status_code == TO_SIGN_IN and answered.headers["location"].startswith("/login")
            shut = answered.status_code in NO or to_sign_in
            if needs in (Open.EVERYBODY, Open.SECRET):
                shut = not shut or template.startswith(("/login", "/l/", "/hooks"))
            if not shut:
                wrong.append((method, template, answered.status_code))
        assert wrong == []
        assert await at.lines() == before


@guarded
async def test_who_has_every_right_but_one_is_refused_and_nothing_happens(tmp_path: Path, route: Route) -> None:
    method, template = route
    async with fortress(tmp_path) as at:
        before = await at.lines()
        for right in rights_for(route):
            at.come(somebody(rights=EVERYTHING - {right}))
            answered = await at.ask(method, at.path(template))
            assert answered.status_code == 403, answered.text
        assert await at.lines() == before


@guarded
async def test_who_has_that_one_alone_comes_in(tmp_path: Path, route: Route) -> None:
    method, template = route
    async with fortress(tmp_path) as at:
        at.come(somebody(rights=rights_for(route)))
        answered = await at.ask(method, at.path(template))
        assert answered.status_code not in (*NO, 405, 500), answered.text
        assert (answered.status_code == 404) == (route in OF_ONE)


@changing
async def test_what_is_forged_changes_nothing(tmp_path: Path, route: Route) -> None:
    """As a page of somebody else's can send it: with the session, without its token or from elsewhere."""
    method, template = route
    async with fortress(tmp_path) as at:
        before = await at.lines()
        path = at.path(template)
        by_session = TABLE[route] is not Open.SECRET
        for headers in ({"origin": ELSEWHERE}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            assert (await at.ask(method, path, headers=headers)).status_code == 403
        for token in ("", "csrf-of-bob", "csrf-of-an"):
            answered = await at.ask(method, path, headers={"x-csrf-token": token})
            assert answered.status_code == 403 or not by_session
        at.come(replace(somebody(), csrf=""))
        assert (await at.ask(method, path)).status_code == 403 or not by_session
        assert await at.lines() == before


@changing
async def test_what_is_too_large_is_not_read(tmp_path: Path, route: Route) -> None:
    method, template = route
    async with fortress(tmp_path) as at:
        before = await at.lines()
        headers = {"content-type": "application/json" if template.startswith("/api/") else "text/plain"}
        answered = await at.ask(method, at.path(template), content=b"{" + b" " * (1 << 20), headers=headers)
        assert answered.status_code == 413
        assert await at.lines() == before


@every
async def test_other_methods_are_none(tmp_path: Path, route: Route) -> None:
    _, template = route
    known = {method for method, path in TABLE if path == template}
    async with fortress(tmp_path) as at:
        before = await at.lines()
        for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - known:
            answered = await at.ask(method, at.path(template))
            assert answered.status_code in (403, 404, 405), f"{method}: {answered.status_code}"
        assert await at.lines() == before


async def test_to_listen_one_has_to_have_come_in(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(None)
        for method, path in ENDLESS:
            answered = await at.ask(method, path, params={"on": "queue"})
            assert answered.status_code in (401, TO_SIGN_IN)
