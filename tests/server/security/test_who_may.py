"""Every route against everybody who may come: nobody, somebody without the right, somebody with it and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hitl_core.config.serving import RIGHTS
from hitl_core.server.auth import Right
from tests.server.security.fortress import Fortress, fortress, routes_of
from tests.server.security.table import CHANGES, ENDLESS, GUARDED, OF_ONE, TABLE, Open, rights_for
from tests.server.site import EVERYTHING, somebody

LOOKS = [route for route in GUARDED if route[0] == "GET"]
ACTS = [route for route in GUARDED if route[0] != "GET" and not route[1].startswith("/api/")]
"""What the API does is in test_calls_of_others.py: it needs bodies."""
NO = (401, 403)
TO_SIGN_IN = 303
ELSEWHERE = "https://evil.example"

TOLD = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
"""What each answer says to browsers; style and script, which there is none of under this name, may be kept."""

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


async def test_who_has_every_right_but_one_is_refused_and_nothing_happens(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        before, wrong = await at.lines(), []
        for route in GUARDED:
            for right in rights_for(route):
                at.come(somebody(rights=EVERYTHING - {right}))
                answered = await at.ask(route[0], at.path(route[1]))
                if (answered.status_code, await at.lines()) != (403, before):
                    wrong.append((route, right, answered.status_code, answered.text))
        assert wrong == []


async def test_who_has_that_one_alone_may_look(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        for route in LOOKS:
            await _comes_in(at, route)


@pytest.mark.parametrize("route", ACTS, ids=" ".join)
async def test_who_has_that_one_alone_may_act(tmp_path: Path, route: Route) -> None:
    """In a place where nobody has done anything before."""
    async with fortress(tmp_path) as at:
        await _comes_in(at, route)


async def _comes_in(at: Fortress, route: Route) -> None:
    method, template = route
    at.come(somebody(rights=rights_for(route)))
    answered = await at.ask(method, at.path(template))
    assert answered.status_code not in (*NO, 405, 500), f"{route}: {answered.text}"
    assert (answered.status_code == 404) == (route in OF_ONE), f"{route}: {answered.text}"


async def test_what_is_forged_changes_nothing(tmp_path: Path) -> None:
    """As a page of somebody else's can send it: with the session, without its token or from elsewhere."""
    async with fortress(tmp_path) as at:
        before, wrong = await at.lines(), []
        for route in CHANGES:
            wrong += [(route, what) for what in await _let_through(at, route)]
            if await at.lines() != before:
                wrong.append((route, "something has happened"))
                before = await at.lines()
        assert wrong == []


async def _let_through(at: Fortress, route: Route) -> list[str]:
    """What of all that is forged was not refused. Where a secret is what counts, nobody has a session."""
    method, path = route[0], at.path(route[1])
    by_session, found = TABLE[route] is not Open.SECRET, []
    at.come(somebody())
    for headers in ({"origin": ELSEWHERE}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        if (await at.ask(method, path, headers=headers)).status_code != 403:
            found.append(str(headers))
    for token in ("", "csrf-of-bob", "csrf-of-an"):
        answered = await at.ask(method, path, headers={"x-csrf-token": token})
        if by_session and answered.status_code != 403:
            found.append(f"token {token!r}")
    at.come(replace(somebody(), csrf=""))
    if by_session and (await at.ask(method, path)).status_code != 403:
        found.append("a session without a token")
    return found


async def test_whatever_is_answered_browsers_run_nothing_of_it_and_keep_nothing(tmp_path: Path) -> None:
    """Also to nobody, of what is refused, and of what there is not."""
    there = [route for route in sorted(TABLE) if route not in ENDLESS]
    async with fortress(tmp_path) as at:
        wrong = []
        for come in (None, somebody(), somebody(rights=frozenset())):
            for method, template in (*there, ("GET", "/nothing"), ("GET", "/api/nothing"), ("PUT", "/")):
                at.come(come)
                answered = await at.ask(method, at.path(template))
                told = answered.headers
                lacks = [name for name, value in TOLD.items() if value not in told.get(name, "")]
                if lacks or "unsafe" in told["content-security-policy"]:
                    wrong.append((method, template, answered.status_code, lacks))
        assert wrong == []


async def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        before, wrong = await at.lines(), []
        for method, template in CHANGES:
            headers = {"content-type": "application/json" if template.startswith("/api/") else "text/plain"}
            answered = await at.ask(method, at.path(template), content=b"{" + b" " * (1 << 20), headers=headers)
            if (answered.status_code, await at.lines()) != (413, before):
                wrong.append((method, template, answered.status_code))
        assert wrong == []


async def test_other_methods_are_none(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        before, wrong = await at.lines(), []
        for _, template in sorted(TABLE):
            known = {method for method, path in TABLE if path == template}
            for method in {"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - known:
                answered = await at.ask(method, at.path(template))
                if answered.status_code not in (403, 404, 405) or await at.lines() != before:
                    wrong.append((method, template, answered.status_code))
        assert wrong == []


async def test_to_listen_one_has_to_have_come_in(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(None)
        for method, path in ENDLESS:
            answered = await at.ask(method, path, params={"on": "queue"})
            assert answered.status_code in (401, TO_SIGN_IN)
