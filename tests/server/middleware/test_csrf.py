"""A request that changes something comes from a page of ours, or from a program; what others forge has no effect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hitl_core.config import Serving
from tests.server.middleware.asking import ann, asking

MEANT = {"csrf": "csrf-of-ann"}
HEADER = {"x-csrf-token": "csrf-of-ann"}
ORIGIN = "http://inbox.test"


async def test_a_form_of_ours_comes_through_whole(tmp_path: Path) -> None:
    async with asking(tmp_path, come=ann()) as ask:
        sent = await ask("POST", "/told", data={**MEANT, "reason": "no"}, headers={"origin": ORIGIN})
        assert sent.json()["form"] == {**MEANT, "reason": "no"}
        several = await ask("POST", "/told", files={"csrf": (None, "csrf-of-ann"), "a": (None, "b")})
        assert several.status_code == 200


async def test_a_script_of_ours_says_it_in_a_header(tmp_path: Path) -> None:
    async with asking(tmp_path, come=ann()) as ask:
        assert (await ask("PUT", "/api/told", json={"a": 1}, headers=HEADER)).status_code == 200


FORGED: list[Any] = [
    pytest.param({"data": {"reason": "no"}}, id="nothing"),
    pytest.param({"data": {"csrf": ""}}, id="an empty one"),
    pytest.param({"data": {"csrf": "csrf-of-bob"}}, id="that of another session"),
    pytest.param({"params": MEANT}, id="in the query"),
    pytest.param({"headers": {"cookie": "csrf=csrf-of-ann"}}, id="in a cookie"),
    pytest.param({"files": {"csrf": ("f", b"csrf-of-ann")}}, id="in a file"),
    pytest.param({"content": b"csrf=csrf-of-ann", "headers": {"content-type": "text/plain"}}, id="in plain text"),
    pytest.param({"data": MEANT, "headers": {"x-csrf-token": "x"}}, id="a wrong one in the header"),
    pytest.param({"data": MEANT, "headers": {"origin": "https://evil.example"}}, id="from elsewhere"),
    pytest.param({"data": MEANT, "headers": {"origin": "null"}}, id="from nowhere"),
    pytest.param({"data": MEANT, "headers": {"origin": "https://inbox.test"}}, id="from another scheme"),
    pytest.param({"data": MEANT, "headers": {"origin": "http://inbox.test:81"}}, id="from another port"),
    pytest.param({"data": MEANT, "headers": {"origin": "http://inbox.test.evil.example"}}, id="from a longer name"),
    pytest.param({"data": MEANT, "headers": {"origin": ""}}, id="from an empty place"),
    pytest.param({"data": MEANT, "headers": {"sec-fetch-site": "cross-site"}}, id="across sites"),
    pytest.param({"data": MEANT, "headers": {"sec-fetch-site": "same-site"}}, id="from a neighbour"),
    pytest.param({"data": MEANT, "headers": {"sec-fetch-site": "cross-site", "origin": ORIGIN}}, id="as if ours"),
    pytest.param({"content": b"\xff=\xff&" * 2000, "headers": {"content-type": "multipart/form-data"}}, id="no form"),
]


@pytest.mark.parametrize("how", FORGED)
async def test_what_is_forged_has_no_effect(tmp_path: Path, how: dict[str, Any]) -> None:
    async with asking(tmp_path, come=ann()) as ask:
        for method in ("POST", "PUT", "DELETE"):
            answered = await ask(method, "/told", **how)
            assert (answered.status_code, ask.came) == (403, []), method
            assert "nothing was done" in answered.text


async def test_a_browser_that_hides_where_it_was_says_that_it_is_ours(tmp_path: Path) -> None:
    async with asking(tmp_path, come=ann()) as ask:
        headers = {"origin": "null", "sec-fetch-site": "same-origin"}
        assert (await ask("POST", "/told", data=MEANT, headers=headers)).status_code == 200


async def test_a_visitor_whose_door_has_given_no_token_changes_nothing(tmp_path: Path) -> None:
    async with asking(tmp_path, come=replace(ann(), csrf="")) as ask:
        for sent in ({}, {"csrf": ""}):
            assert (await ask("POST", "/told", data=sent)).status_code == 403


async def test_a_program_with_a_token_of_its_own_needs_none(tmp_path: Path) -> None:
    come = ann()
    program = replace(come, csrf="", responder=come.responder.model_copy(update={"authenticated_by": "token"}))
    async with asking(tmp_path, come=program) as ask:
        assert (await ask("POST", "/api/told", json={})).status_code == 200


async def test_nobody_can_be_signed_in_from_elsewhere(tmp_path: Path) -> None:
    async with asking(tmp_path, come=None) as ask:
        ask.door.now = None
        assert (await ask("POST", "/told", data={})).status_code == 200
        assert (await ask("POST", "/told", headers={"origin": "https://evil.example"})).status_code == 403
        forged = await ask("POST", "/login/x", headers={"sec-fetch-site": "cross-site"})
        assert forged.text.startswith("this came from a page of somebody else's")
        assert len(ask.came) == 1


async def test_a_link_is_followed_whoever_is_signed_in(tmp_path: Path) -> None:
    """What is in the link is believed, and the page of the link has what says that its button was meant."""
    async with asking(tmp_path, come=ann()) as ask:
        assert "load the page anew" not in (await ask("POST", "/l/x", data={"reply": "approve"})).text
        assert (await ask("POST", "/l/x", headers={"origin": "https://evil.example"})).status_code == 403


async def test_to_look_needs_no_token(tmp_path: Path) -> None:
    async with asking(tmp_path, come=ann()) as ask:
        assert (await ask("GET", "/told", headers={"sec-fetch-site": "cross-site"})).status_code == 200


async def test_over_https_the_origin_is_https(tmp_path: Path) -> None:
    serving = Serving(url="https://inbox.test")
    async with asking(tmp_path, serving, come=ann()) as ask:
        for origin, expected in (("https://inbox.test", 200), ("http://inbox.test", 403)):
            answered = await ask("POST", "/told", data=MEANT, headers={"origin": origin})
            assert answered.status_code == expected
