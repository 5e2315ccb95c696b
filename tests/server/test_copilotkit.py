"""Pages at the inbox itself: let in as everybody is, with the rights that they have, and recorded by their names."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_core.commands import ListRequests
from hitl_core.config import Serving
from hitl_core.protocol import Responder
from hitl_core.server.auth import Right, tokens
from tests.agui.page import events_in
from tests.agui.test_conversation import OWN, app_of
from tests.core.shop import Shop
from tests.server.auth.house import PEOPLE, House

BOSS = Responder(id="root", channel="terminal")
LEADS = {"start": ("lead",), "runs": ("lead",), "operate": ("lead",)}
PAGES = Serving(copilotkit="desk", rights=LEADS)
RUN, RAW, WAITING = "/copilotkit/agent/desk/run", "/agui/desk", "/copilotkit/agent/desk/waiting"
ROUTES = [("GET", "/copilotkit/info"), ("POST", RUN), ("POST", "/copilotkit/agent/desk/connect"), ("POST", RAW)]
ROUTES += [
    ("POST", "/copilotkit/agent/desk/stop/t"),
    ("GET", "/copilotkit/agent/desk/changes?thread=t"),
    ("GET", WAITING),
]
ROUTES += [("POST", "/copilotkit")]

SENSELESS = [
    *((b"authorization", value) for value in (b"", b"Bearer", b"Bearer  ", b"\xff\xfe", b"Bearer \xff", b"Basic Og==")),
    *((b"cookie", value) for value in (b"", b"session=", b'hitl_session="\\000"', b"\xff=\xfe", b";;=")),
]


@asynccontextmanager
async def house(folder: Path, serving: Serving = PAGES) -> AsyncIterator[House]:
    shop = Shop(folder, policy=OWN)
    shop.people(PEOPLE.replace('tenant = "shop"', 'roles = ["lead"]\ntenant = "shop"'))
    async with shop.open(app_of(shop), transcripts=True) as hitl:
        made = House(hitl, serving, shop)
        try:
            yield made
        finally:
            for close in made.app.state.closes:
                await close()
            await made.close()


async def by_token(at: House, person: str, *rights: Right) -> httpx.AsyncClient:
    secret, _ = await tokens.make(at.site, person=person, rights=rights, by=BOSS)
    return at.browser(authorization=f"Bearer {secret}")


def post(text: str = "", **fields: Any) -> dict[str, Any]:
    said = [{"id": "m-1", "role": "user", "content": text}] if text else []
    return {"threadId": "t", "runId": "r", "messages": said, "tools": [], "context": [], **fields}


async def told(browser: httpx.AsyncClient, body: dict[str, Any], path: str = RUN, **headers: str) -> Any:
    answer = await browser.post(path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return events_in(answer.text)


def interrupts(events: Any) -> Any:
    return events[-1]["outcome"].get("interrupts", [])


def yes(events: Any) -> dict[str, Any]:
    return post(
        resume=[{"interruptId": interrupts(events)[0]["id"], "status": "resolved", "payload": {"approved": True}}]
    )


async def csrf(browser: httpx.AsyncClient) -> str:
    return str((await browser.get("/who")).json()["csrf"])


@pytest.mark.parametrize("path", [RUN, RAW])
async def test_who_has_a_token_is_asked_and_recorded_by_name(tmp_path: Path, path: str) -> None:
    async with house(tmp_path) as at:
        ann = await by_token(at, "ann", Right.REQUESTS, Right.START)
        asked = await told(ann, post("refund"), path)
        assert at.shop.ledger.count() == 0
        await told(ann, yes(asked), path)
        (settled,) = (await at.hitl.store.fetch(ListRequests(states=()))).items
        assert settled.response is not None
        who = settled.response.responder
        assert (who.id, who.channel, who.authenticated_by) == ("ann", "page", "token")
        assert (await at.hitl.run(settled.request.run_id)).started_by == "ann"
    assert at.shop.ledger.count("refund") == 1


async def test_a_session_answers_with_its_csrf_token_only(tmp_path: Path) -> None:
    async with house(tmp_path, PAGES) as at:
        browser = await at.signed_in("ann")
        token = await csrf(browser)
        for headers in ({}, {"x-csrf-token": "another"}, {"x-csrf-token": token, "origin": "https://evil.test"}):
            for path in (RUN, RAW, "/copilotkit", "/copilotkit/agent/desk/stop/t"):
                assert (await browser.post(path, json=post("refund"), headers=headers)).status_code == 403
        assert (await at.hitl.runs()).items == ()
        asked = await told(browser, post("refund"), **{"x-csrf-token": token})
        assert (await browser.post(RUN, json=yes(asked))).status_code == 403
        assert at.shop.ledger.count() == 0
        await told(browser, yes(asked), **{"x-csrf-token": token})
    assert at.shop.ledger.count("refund") == 1


async def test_nobody_and_whose_token_is_out_are_not_let_in(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await by_token(at, "ann", Right.REQUESTS, Right.START)
        asked = await told(ann, post("refund"))
        for each in await tokens.tokens(at.site):
            await tokens.revoke(at.site, each.id, by=BOSS)
        for browser in (at.browser(), ann, at.browser(authorization="Bearer hitl_no-such-token")):
            for method, path in ROUTES:
                answer = await browser.request(method, path, json=yes(asked))
                assert answer.status_code == 401, (method, path)
    assert at.shop.ledger.count() == 0


async def test_what_names_nobody_lets_nobody_in(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        for name, value in SENSELESS:
            for method, path in ROUTES:
                headers = {b"content-type": b"application/json", name: value}
                answer = await at.browser().request(method, path, content=json.dumps(post("hello")), headers=headers)
                assert answer.status_code == 401, (name, value, method, path, answer.text)
        assert (await at.hitl.runs()).items == ()


async def test_who_may_only_start_or_see_runs_is_not_let_in(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await by_token(at, "ann", Right.START, Right.RUNS)
        for method, path in ROUTES:
            assert (await ann.request(method, path, json=post("refund"))).status_code == 401
        assert (await at.hitl.runs()).items == ()


async def test_who_may_not_start_answers_and_starts_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.hitl.start({"messages": [{"role": "user", "content": "refund"}]}, thread="t", by="ann")
        ann = await by_token(at, "ann", Right.REQUESTS)
        events = await told(ann, post("refund", threadId="another"))
        assert "start nothing" in json.dumps(events)
        assert len((await at.hitl.runs()).items) == 1
        await told(ann, yes(await told(ann, post(), "/copilotkit/agent/desk/connect")))
    assert at.shop.ledger.count("refund") == 1


async def test_somebody_of_another_tenant_sees_and_starts_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        ann = await by_token(at, "ann", Right.REQUESTS, Right.START)
        asked = await told(ann, post("refund"))
        bob = await by_token(at, "bob", Right.REQUESTS, Right.START, Right.RUNS, Right.OPERATE)
        events = await told(bob, post(), "/copilotkit/agent/desk/connect")
        assert (interrupts(events), "You said" in json.dumps(events)) == ([], False)
        await told(bob, yes(asked))
        await told(bob, post("refund", threadId="of-bob"))
        assert (await bob.get(WAITING)).json() == []
        assert (await bob.post("/copilotkit/agent/desk/stop/t")).status_code == 403
        assert len((await at.hitl.runs()).items) == 1
        assert [each["threadId"] for each in (await ann.get(WAITING)).json()] == ["t"]
    assert at.shop.ledger.count() == 0


async def test_pages_are_counted_and_kept_in_bounds_as_all_calls_are(tmp_path: Path) -> None:
    serving = Serving(copilotkit="desk", rights=LEADS, calls_a_minute=5, body=2_000)
    async with house(tmp_path, serving) as at:
        ann = await by_token(at, "ann", Right.REQUESTS, Right.START)
        assert (await ann.post(RUN, json=post("x" * 2_000))).status_code == 413
        codes = [(await ann.get(WAITING)).status_code for _ in range(7)]
        assert codes.count(429) >= 2
        assert (await ann.post(RUN, json=post("refund"))).status_code == 429
        assert (await at.browser(at="https://evil.test").post(RUN, json=post("refund"))).status_code == 421
        assert (await at.hitl.runs()).items == ()
