"""Who is at a page gets at nothing of others: their conversations, their runs, their decisions, another tenant's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request

from hitl_core.agui import Agent, Person, anybody, mount_copilotkit
from hitl_core.agui.changes import changes
from hitl_core.agui.conversation import STALE
from hitl_core.agui.working import Working
from hitl_core.commands import ListRequests
from hitl_core.people import Person as Known
from hitl_core.protocol import Responder, RunState
from tests.agui.page import AGENT, HOST, Page, resolved, served
from tests.agui.test_conversation import OWN, Desk, app_of, at_desk
from tests.core.shop import Shop, policy, rule

BOBS = policy(rule("refunds", match={"tool": "refund"}, level="confirm", approvers={"users": ["bob"]}))
PEOPLE = {
    "ann": Person(Responder(id="ann", authenticated_by="test"), "default"),
    "bob": Person(Responder(id="bob", authenticated_by="test"), "default"),
    "guard": Person(Responder(id="guard", authenticated_by="test"), "default", may_stop=True, sees_runs=True),
    "looker": Person(Responder(id="looker", authenticated_by="test"), "default", sees_runs=True),
    "mallory": Person(Responder(id="mallory", authenticated_by="test"), "other", sees_runs=True, may_stop=True),
}


async def by_tenant(request: Request) -> Person | None:
    return PEOPLE.get(request.headers["x-person"])


def with_tenants(folder: Path, **options: Any) -> Any:
    return at_desk(folder, who=by_tenant, **options)


async def test_another_tenant_sees_answers_and_begins_nothing(tmp_path: Path) -> None:
    async with with_tenants(tmp_path) as desk:
        await desk.page.say("refund")
        (asked,) = desk.page.interrupts
        mallory = desk.another("mallory")
        await mallory.connect()
        assert (mallory.interrupts, "You said" in str(mallory.events)) == ([], False)
        await mallory.resume(resolved(asked["id"], {"approved": True}))
        await mallory.say("hello")
        assert desk.refunds == []
        own = desk.another("mallory", "of-mallory")
        await own.say("refund")
        assert "start nothing" in own.texts[-1]
        assert len((await desk.hitl.runs()).items) == 1
        assert await waiting(desk, "mallory") == []
        assert await waiting(desk, "ann") == [{"threadId": "thread-1", "titles": [asked["message"]]}]
        assert await stop(desk, "mallory") == 403
        assert await anext(told(desk, "mallory")) == ": still here\n\n"
        assert "changed" in await anext(told(desk, "ann"))


async def test_who_is_asked_in_a_conversation_of_somebody_else_begins_nothing_there(tmp_path: Path) -> None:
    async with with_tenants(tmp_path, rules=BOBS) as desk:
        await desk.page.say("refund")
        bob = desk.another("bob")
        await bob.connect()
        entry = resolved(bob.interrupts[0]["id"], {"approved": True})
        bob.messages.append({"id": "m-bob", "role": "user", "content": "refund"})
        await bob.resume(entry)
        assert desk.refunds == [("A-1", 10.0)]
        assert len((await desk.hitl.runs()).items) == 1
        await desk.page.connect()
        assert desk.page.texts[-1] == "refunded 10.0 for A-1"


async def test_who_sees_all_runs_takes_over_no_conversation(tmp_path: Path) -> None:
    async with with_tenants(tmp_path) as desk:
        await desk.page.say("hello")
        looker = desk.another("looker")
        await looker.connect()
        assert "You said: hello." in looker.texts
        await looker.say("hello")
        assert "begin your own" in looker.texts[-1]
        await desk.page.say("again")
        assert desk.page.texts[-1] == "4 messages"


async def test_of_two_who_begin_a_conversation_of_one_name_one_has_it(tmp_path: Path) -> None:
    async with with_tenants(tmp_path) as desk:
        pages = [desk.another(person, "taken") for person in ("ann", "bob", "ann", "bob")]
        await asyncio.gather(*(page.say(f"from {page.person}", id=f"m-{at}") for at, page in enumerate(pages)))
        assert len({run.started_by for run in (await desk.hitl.runs()).items}) == 1
        (owner,) = {run.started_by for run in (await desk.hitl.runs()).items}
        assert all(f"from {owner}" not in str(page.events) for page in pages if page.person != owner)


@pytest.mark.parametrize(("person", "status"), [("looker", 403), ("bob", 403), ("guard", 200), ("ann", 200)])
async def test_who_has_not_begun_it_stops_nothing(tmp_path: Path, person: str, status: int) -> None:
    async with with_tenants(tmp_path) as desk:
        await desk.page.say("refund")
        (request,) = (await desk.hitl.inbox()).items
        await desk.hitl.respond(request.request.approve(by="ann"))
        assert await stop(desk, person) == status
        state = (await desk.hitl.run(request.request.run_id)).state
        assert (state is RunState.CANCELLED) == (status == 200)
        assert desk.refunds == []


async def test_what_was_decided_elsewhere_is_not_told(tmp_path: Path) -> None:
    """Whoever knows the id of a request could else ask whether it was a yes."""
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        entry = resolved(desk.page.interrupts[0]["id"], {"approved": True})
        await desk.page.resume(entry)
        eve = desk.another("eve", "of-eve")
        await eve.say("hello")
        for payload in ({"approved": True}, {"approved": False}):
            await eve.resume({**entry, "payload": payload})
            assert "has changed nothing" in eve.texts[-1]
        assert desk.refunds == [("A-1", 10.0)]


async def test_a_run_of_another_app_is_answered_and_not_gone_on_with(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("hitl_core.agui.threads.SOON", 0.01)
    shop = Shop(tmp_path, policy=OWN)
    async with shop.open(app_of(shop), transcripts=True, name="shop:other") as other:
        await other.start({"messages": [{"role": "user", "content": "refund"}]}, thread="thread-1", by="ann")
    async with shop.open(app_of(shop), transcripts=True) as hitl, served(hitl) as client:
        page = Page(client)
        await page.connect()
        await page.resolve({"approved": True})
        await page.say("hello")
        assert shop.ledger.count("refund") == 0
        assert [run.state for run in (await hitl.runs()).items] == [RunState.READY]
    async with shop.open(app_of(shop), transcripts=True, name="shop:other") as other:
        await other.resume((await other.runs()).items[0].id)
    assert shop.ledger.count("refund") == 1


async def test_who_is_not_signed_in_is_not_let_in_where_an_app_signs_people_in(tmp_path: Path) -> None:
    """Else who may not approve their own would sign out, and do it."""

    class ByHeader(AuthenticationBackend):
        async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
            name = conn.headers.get("x-person")
            return (AuthCredentials(), SimpleUser(name)) if name and name != "nobody" else None

    shop = Shop(tmp_path)
    async with shop.open(app_of(shop), transcripts=True) as hitl:
        app = Starlette()
        mount_copilotkit(app, {AGENT: hitl})
        app.add_middleware(AuthenticationMiddleware, backend=ByHeader())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
            ann = Page(client)
            await ann.say("refund")
            assert (ann.interrupts, "asked of others" in ann.texts[-1]) == ([], True)
            answers = await client.get(f"/copilotkit/agent/{AGENT}/waiting", headers={"x-person": "nobody"})
            assert answers.status_code == 401
            bob = Page(client, person="bob")
            await bob.connect()
            await bob.resolve({"approved": True})
            (settled,) = (await hitl.store.fetch(ListRequests(states=()))).items
            assert settled.response is not None
            who = settled.response.responder
            assert (who.id, who.authenticated_by) == ("bob", "SimpleUser")
    assert shop.ledger.count("refund") == 1


class Spells:
    """A directory that writes its people in small letters, however they are named."""

    async def person(self, id: str) -> Known | None:
        return Known(id.lower())

    async def members(self, role: str) -> tuple[Known, ...]:
        return ()

    async def delegators(self, id: str) -> tuple[Known, ...]:
        return ()

    async def everybody(self) -> tuple[Known, ...]:
        return ()


async def test_who_was_slower_is_told_so_as_is_whom_nobody_has_asked(tmp_path: Path) -> None:
    """Bob saw the conversation while he had something to decide in it. Ann was faster: what came of it is not his."""
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        (asked,) = desk.page.interrupts
        bob, eve = desk.another("bob"), desk.another("eve", "of-eve")
        await bob.connect()
        assert bob.interrupts == [asked]
        await desk.page.resolve({"approved": True})
        for each in (bob, eve):
            await each.resume(resolved(asked["id"], {"approved": False}))
            assert each.texts[-1] == STALE
        assert desk.refunds == [("A-1", 10.0)]


async def test_a_conversation_stays_with_whom_the_directory_writes_otherwise(tmp_path: Path) -> None:
    shop = Shop(tmp_path, policy=OWN)
    shop.directory = Spells()
    async with shop.open(app_of(shop), transcripts=True) as hitl, served(hitl) as client:
        page = Page(client, person="Ann")
        await page.say("refund")
        await page.resolve({"approved": True})
        await page.say("hello")
        assert page.texts[-1].endswith(" messages")
        assert [run.started_by for run in (await hitl.runs()).items] == ["ann", "ann"]
        eve = Page(client, person="Eve")
        await eve.connect()
        assert "somebody else's" in eve.texts[-1]


async def test_nobody_is_let_in_where_nothing_says_who_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What an app has before its own routes is not before these: without a word from it, they are closed."""
    shop = Shop(tmp_path, policy=OWN)
    async with shop.open(app_of(shop), transcripts=True) as hitl:
        app = Starlette()
        mount_copilotkit(app, {AGENT: hitl})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
            for path in ("/copilotkit", f"/copilotkit/agent/{AGENT}/run", f"/agui/{AGENT}"):
                assert (await client.post(path, json={"method": "info"})).status_code == 401
            for path in ("info", f"agent/{AGENT}/waiting", f"agent/{AGENT}/changes?thread=t"):
                assert (await client.get(f"/copilotkit/{path}")).status_code == 401
        assert (await hitl.runs()).items == ()
        assert "`who=anybody` to try things out" in caplog.text
        async with served(hitl, who=anybody) as client:
            page = Page(client)
            await page.say("refund")
            await page.resolve({"approved": True})
    assert shop.ledger.count("refund") == 1


async def test_who_listens_is_let_go_when_they_are_not_who_they_were(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("hitl_core.agui.changes.LOOKED_UP", 0.0)
    async with with_tenants(tmp_path) as desk:
        asked = list[bool]()

        async def still() -> bool:
            asked.append(len(asked) < 1)
            return asked[-1]

        stream = changes(Agent(AGENT, desk.hitl), ["thread-1"], PEOPLE["ann"], Working(), still)
        assert "changed" in await anext(stream)
        assert await anext(stream) == ": still here\n\n"
        await desk.page.say("hello")
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert asked == [True, False]


async def waiting(desk: Desk, person: str) -> Any:
    found = await desk.page.client.get(f"/copilotkit/agent/{AGENT}/waiting", headers={"x-person": person})
    return found.json()


async def stop(desk: Desk, person: str) -> int:
    path = f"/copilotkit/agent/{AGENT}/stop/thread-1"
    return (await desk.page.client.post(path, headers={"x-person": person})).status_code


def told(desk: Desk, person: str) -> Any:
    async def still() -> bool:
        return True

    return changes(Agent(AGENT, desk.hitl), ["thread-1"], PEOPLE[person], Working(), still)
