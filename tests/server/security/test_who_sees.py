"""Who sees a request: with the right `runs` all of their tenant do; without it, who has a part in it, by every way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hitl_core.protocol import Delegate, PauseRequest, Responder, Response, new_id
from hitl_core.runtime import Runtime
from hitl_core.server.auth import Right
from hitl_core.testing.clock import START
from tests.core.shop import Shop, one_refund, only, policy, rule, trail
from tests.server.feed.test_routes import Line
from tests.server.security.calls import ACTS, LOOKS, content, furnished, made
from tests.server.security.fortress import HOLE, fortress
from tests.server.security.table import TABLE
from tests.server.site import AsVisitor, browsing, served, somebody

ONLY_REQUESTS = frozenset({Right.REQUESTS})
STRANGER = somebody("carl", tenant="default", rights=ONLY_REQUESTS)
"""Of the tenant, and named by no rule of the fortress: ann and bob are."""
SAID = ("customer-7", "A-1042", "120.5", "double charge")
CALLS = [each for each in (*LOOKS, *ACTS) if each.needs is Right.REQUESTS and "{id}" in each.template] + [
    each for each in ACTS if each.template == "/api/responses"
]
PAGES = sorted(
    (method, path) for method, path in TABLE if path.startswith("/requests/{request_id}") and HOLE.search(path)
)
PEOPLE = """
[people.ann]
roles = ["lead"]
tenant = "default"
[people.bob]
roles = ["clerk"]
tenant = "default"
[people.carl]
tenant = "default"
[people.eve]
roles = ["lead"]
tenant = "north"
[people.dan]
tenant = "default"
roles = ["head"]
delegate = "carl"
away = [{ from = 2020-01-01, until = 2040-01-01 }]
"""


# ── nobody else ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_by_no_call_a_stranger_sees_it(tmp_path: Path, call: Any) -> None:
    async with furnished(tmp_path) as at:
        before = content(tmp_path)
        at.come(STRANGER)
        theirs = await made(at, call)
        nobodys = {name: new_id(START) for name in ("request_id", "answered_id", "draft_id")}
        none = await made(at, call, ids=nobodys)
        assert theirs.status_code in (404, 422)
        assert theirs.status_code == none.status_code
        said, as_if = theirs.text, none.text
        for name, id in nobodys.items():
            said, as_if = said.replace(at.ids[name], "NAME"), as_if.replace(id, "NAME")
        assert said == as_if
        assert [each for each in SAID if each in said] == []
        assert content(tmp_path) == before
        at.come(somebody(call.who, tenant="default", rights=ONLY_REQUESTS))
        assert (await made(at, call)).status_code == call.ours


async def test_by_no_page_a_stranger_sees_it(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(STRANGER)
        before, wrong = content(tmp_path), []
        for method, path in PAGES:
            theirs = await at.ask(method, at.path(path))
            none = await at.ask(method, at.path(path, request_id=(nobodys := new_id(START))))
            same = theirs.text.replace(at.ids["request_id"], "NAME") == none.text.replace(nobodys, "NAME")
            if not same or theirs.status_code != (303 if path.endswith("/seen") else 404):
                wrong.append((method, path, theirs.status_code, theirs.text))
        request = await at.hitl.request(at.ids["request_id"])
        for path, sent in (
            ("/batch", {"pick": request.request.id}),
            ("/batch/give", {f"digest:{request.request.id}": request.request.digest, "decision": "approve"}),
        ):
            answered = await at.ask("POST", path, data=sent)
            if [each for each in SAID if each in answered.text]:
                wrong.append(("POST", path, answered.status_code, answered.text))
        assert wrong == []
        assert content(tmp_path) == before


async def test_it_is_in_no_list_of_theirs(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(STRANGER)
        for path in ("/", "/queue", "/api/requests", "/api/requests?mine=true"):
            assert at.ids["request_id"] not in (await at.ask("GET", path)).text, path
        for path in ("/api/requests?mine=false", "/api/requests?state=open", f"/api/requests?run={at.ids['run_id']}"):
            assert (await at.ask("GET", path)).status_code == 403, path


async def test_with_the_right_to_see_runs_it_is_seen(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(somebody("carl", tenant="default", rights=ONLY_REQUESTS | {Right.RUNS}))
        for path in ("/requests/{request_id}", "/api/requests/{id}", "/api/requests/{id}/comments"):
            assert (await at.ask("GET", at.path(path))).status_code == 200, path


# ── who has a part in it ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Desk:
    """One request under one rule, and whoever comes to it."""

    hitl: Runtime
    request: PauseRequest
    client: Any
    door: AsVisitor

    async def seen_by(self, name: str, *roles: str, tenant: str = "default") -> bool:
        """By the API and on the page alike; and each that a list has is there by its id."""
        self.door.now = somebody(name, tenant=tenant, rights=ONLY_REQUESTS, roles=roles)
        called = await self.client.get(f"/api/requests/{self.request.id}")
        page = await self.client.get(f"/requests/{self.request.id}")
        listed = self.request.id in (await self.client.get("/api/requests")).text
        assert called.status_code == page.status_code
        assert called.status_code == 200 or not listed
        return bool(called.status_code == 200)

    async def say(self, decision: Any, by: str) -> None:
        responder = Responder(id=by)
        await self.hitl.respond(Response.to(self.request, decision, by=responder))


@asynccontextmanager
async def desk(folder: Path, *, people: str = PEOPLE, **fields: Any) -> AsyncIterator[Desk]:
    shop = Shop(folder, policy=policy(rule("refunds", **{"level": "confirm", **fields})))
    if people:
        shop.people(people)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}, by="customer-7"))
        async with browsing(hitl) as (client, door):
            yield Desk(hitl, request, client, door)


async def test_who_is_named_sees_it_and_nobody_else(tmp_path: Path) -> None:
    async with desk(tmp_path, approvers={"users": ["bob"], "roles": ["lead"]}) as at:
        assert await at.seen_by("ann", "lead")
        assert await at.seen_by("bob", "clerk")
        assert not await at.seen_by("carl")
        assert not await at.seen_by("dan", "head")


async def test_what_the_directory_says_counts_and_no_role_that_is_claimed(tmp_path: Path) -> None:
    async with desk(tmp_path, approvers={"roles": ["lead"]}) as at:
        assert not await at.seen_by("carl", "lead")


async def test_of_another_tenant_nobody_sees_it_whom_it_names(tmp_path: Path) -> None:
    async with desk(tmp_path, approvers={"roles": ["lead"]}) as at:
        assert not await at.seen_by("eve", "lead", tenant="north")


async def test_what_asks_nobody_in_particular_is_seen_by_all_of_the_tenant(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert await at.seen_by("carl")
        assert not await at.seen_by("eve", "lead", tenant="north")


async def test_who_stands_in_for_somebody_sees_what_they_do(tmp_path: Path) -> None:
    async with desk(tmp_path, approvers={"users": ["dan"]}) as at:
        assert await at.seen_by("carl")
        assert not await at.seen_by("bob", "clerk")


async def test_to_whom_it_was_given_on_sees_it_and_who_gave_it_still_does(tmp_path: Path) -> None:
    async with desk(tmp_path, approvers={"users": ["ann"]}) as at:
        assert not await at.seen_by("bob", "clerk")
        await at.say(Delegate(to="bob"), by="ann")
        assert await at.seen_by("bob", "clerk")
        assert await at.seen_by("ann", "lead")
        assert not await at.seen_by("carl")


async def test_who_is_asked_later_sees_it(tmp_path: Path) -> None:
    stages = [{"roles": ["lead"]}, {"roles": ["clerk"]}]
    async with desk(tmp_path, approvers={"stages": stages}) as at:
        assert await at.seen_by("ann", "lead")
        assert await at.seen_by("bob", "clerk")
        assert not await at.seen_by("carl")


async def test_who_has_decided_it_sees_it_when_it_is_over(tmp_path: Path) -> None:
    async with desk(tmp_path, approvers={"roles": ["lead"]}) as at:
        await at.hitl.respond(at.request.reject("no", by="ann"))
        assert await at.seen_by("ann", "lead")
        assert not await at.seen_by("carl")


async def test_who_has_said_something_about_it_sees_it_and_a_machine_does_not(tmp_path: Path) -> None:
    async with desk(tmp_path, approvers={"roles": ["lead"]}) as at:
        await at.hitl.comment(at.request.id, "It is fine.", by="carl")
        await at.hitl.comment(at.request.id, "It is fine.", by="bob", machine=True)
        assert await at.seen_by("carl")
        assert not await at.seen_by("bob", "clerk")


async def test_without_a_directory_what_the_door_says_of_roles_counts(tmp_path: Path) -> None:
    async with desk(tmp_path, people="", approvers={"roles": ["lead"]}) as at:
        assert await at.seen_by("ann", "lead")
        assert not await at.seen_by("ann")


async def test_of_those_like_it_only_what_is_seen_is_listed(tmp_path: Path) -> None:
    async with desk(tmp_path, approvers={"users": ["ann"]}) as at:
        other = only(await at.hitl.start({}, by="customer-8"))
        await at.say(Delegate(to="bob"), by="ann")
        at.door.now = somebody("bob", tenant="default", rights=ONLY_REQUESTS)
        found = await at.client.get(f"/api/requests/{at.request.id}/alike")
        assert [each["request"]["id"] for each in found.json()] == [at.request.id]
        at.door.now = somebody("ann", tenant="default", rights=ONLY_REQUESTS)
        found = await at.client.get(f"/api/requests/{at.request.id}/alike")
        assert {each["request"]["id"] for each in found.json()} == {at.request.id, other.id}


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_what_happens_to_it_nobody_else_hears(tmp_path: Path) -> None:
    """As it happens, and told once more; by the feed of the pages, too."""
    async with desk(tmp_path, approvers={"users": ["ann"]}) as at, served(at.door) as port:
        at.door.now = STRANGER
        page = f"/feed?on=queue&on=request.{at.request.id}&after=0"
        async with (
            Line(port, "/api/events?after=0") as missed,
            Line(port, "/api/events") as live,
            Line(port, page) as on,
        ):
            first = only(await at.hitl.start({}, by="customer-8"))
            await at.hitl.respond(Response.to(first, Delegate(to="carl"), by="ann"))
            await at.hitl.respond(at.request.reject("no", by="ann"))
            last = only(await at.hitl.start({}, by="customer-9"))
            await at.hitl.respond(Response.to(last, Delegate(to="carl"), by="ann"))
            about = {entry.seq: entry.subject for entry in await trail(at.hitl)}
            end = max(about)
            for line in (missed, live):
                told = {about[seq] for seq in await line.read(until=end)}
                assert last.id in told
                assert told <= {first.id, last.id}
            await on.read(until=end)
            assert set(on.names) == {"queue"}
        at.door.now = somebody("carl", tenant="default", rights=ONLY_REQUESTS | {Right.RUNS})
        async with Line(port, "/api/events?after=0") as line:
            assert at.request.id in {about[seq] for seq in await line.read(until=end)}
