"""Other agents' clients at the inbox itself: authenticated and kept in bounds as everybody else."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from a2a.client.errors import A2AClientError
from a2a.types import Message, Role, SendMessageRequest
from a2a.utils.errors import UnsupportedOperationError
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from hitl_core.config import Agents, Serving
from hitl_core.errors import AdapterNotInstalled
from hitl_core.protocol import Responder
from hitl_core.server import create_app
from hitl_core.server.auth import Right, tokens
from tests.cli.shop import Shop as CliShop
from tests.cli.shop import eventually
from tests.core.shop import Shop, one_refund, policy, rule
from tests.server.a2a.client import DONE, WAITS, WORKS, data, decided, output_of, refused_in, requests_in
from tests.server.a2a.client import calling as over_a2a
from tests.server.auth.house import PEOPLE, House, house
from tests.server.mcp.client import accepts
from tests.server.mcp.client import calling as over_mcp
from tests.server.served import Served, starting
from tests.server.site import served

AGENTS = Agents(a2a=True, mcp=True, may_answer=("portal", "bob"), name="Refunds")
LOCAL = Serving(agents=AGENTS, hosts=("127.0.0.1",))
BOSS = Responder(id="root", channel="terminal")
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.policy = policy(rule("refunds", level="confirm"))
    return made


async def token(at: House, person: str, *rights: Right) -> str:
    secret, _ = await tokens.make(at.site, person=person, rights=rights, by=BOSS)
    return secret


async def closed(at: House) -> None:
    for close in at.app.state.closes:
        await close()


async def test_a_task_is_started_and_answered_with_tokens_of_two(shop: Shop) -> None:
    async with house(shop, LOCAL) as at, served(at.app) as port:
        url = f"http://127.0.0.1:{port}"
        planner = await token(at, "planner", Right.START)
        portal = await token(at, "portal", Right.RUNS, Right.REQUESTS, Right.START)
        async with over_a2a(url, planner) as one, over_a2a(url, portal) as other:
            assert one.card.name == "Refunds"
            task = await one.start(order="A-7", amount=30.5)
            assert task.status.state == WAITS
            (request,) = requests_in(task)
            assert "may_answer" in refused_in(await one.answer(task, decided(request, "approve")))[0]
            task = await other.answer(task, decided(request, "approve"))
            assert (task.status.state, output_of(task)["said"]) == (DONE, "paid 30.5")
        run = await at.hitl.run(task.id)
        assert run.started_by == "planner"
    assert shop.ledger.count("refund") == 1


async def test_a_client_is_asked_over_mcp_and_out_as_soon_as_its_token_is(shop: Shop) -> None:
    async with house(shop, LOCAL) as at, served(at.app) as port:
        url = f"http://127.0.0.1:{port}"
        run = await at.hitl.start({"order": "A-7", "amount": 30.5}, by="ann")
        portal = await token(at, "portal", Right.RUNS, Right.REQUESTS, Right.START)

        async def revoked() -> None:
            for each in await tokens.tokens(at.site):
                await tokens.revoke(at.site, each.id, by=BOSS)

        async with over_mcp(url, portal, accepts(decision="approve")) as (client, user):
            user.before = revoked  # while they look at it
            with pytest.raises(MCPError):
                await client.run("wait_for_run", run=run.id)
        assert shop.ledger.count() == 0
        fresh = await token(at, "portal", Right.RUNS, Right.REQUESTS, Right.START)
        async with over_mcp(url, fresh, accepts(decision="approve")) as (client, _):
            assert (await client.run("wait_for_run", run=run.id))["state"] == "completed"
        await closed(at)
    assert shop.ledger.count("refund") == 1


async def test_what_a_tenants_token_does_not_see_is_not_there(shop: Shop) -> None:
    shop.people(PEOPLE)
    async with house(shop, Serving(agents=AGENTS, rights={"runs": ("lead",), "start": ("lead",)})) as at:
        run = await at.hitl.start({}, by="ann")
        bob = await token(at, "bob", Right.REQUESTS)  # of another tenant
        message = {"messageId": "m", "role": "ROLE_USER", "taskId": run.id, "parts": [{"data": {}}]}
        call = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
        headers = {"authorization": f"Bearer {bob}", "a2a-version": "1.0"}
        answered = await at.browser().post("/a2a", json=call, headers=headers)
        assert answered.json()["error"]["code"] == -32001


async def test_a_page_of_somebody_elses_calls_nothing_with_the_session_of_a_browser(shop: Shop) -> None:
    async with house(shop, LOCAL) as at:
        browser = await at.signed_in()
        for path in ("/a2a", "/mcp"):
            answered = await browser.post(path, json=CALL)
            assert answered.status_code == 403
            foreign = await browser.post(path, json=CALL, headers={"origin": "https://evil.test"})
            assert foreign.status_code == 403
            assert (await at.browser().post(path, json=CALL)).status_code == 401
            assert (await at.browser(at="https://evil.test").post(path, json=CALL)).status_code == 421
        await closed(at)
    assert shop.ledger.count() == 0


async def test_where_nothing_is_configured_nothing_is_served(shop: Shop) -> None:
    async with house(shop) as at:
        browser = at.browser(authorization=f"Bearer {await token(at, 'portal', Right.START)}")
        for path in ("/a2a", "/mcp"):
            assert (await browser.post(path, json=CALL)).status_code == 404
        assert (await browser.get("/.well-known/agent-card.json")).status_code == 404


@pytest.mark.parametrize(("agents", "package"), [(Agents(a2a=True), "a2a"), (Agents(mcp=True), "mcp")])
async def test_what_is_configured_and_not_installed_is_said(
    shop: Shop, agents: Agents, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [
        each for each in sys.modules if each.split(".")[0] == package or each.startswith(f"hitl_core.{package}")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        with pytest.raises(AdapterNotInstalled, match=r"pip install 'hitl-core\[a2a,mcp\]'"):
            create_app(hitl, Serving(agents=agents))


@pytest.mark.processes
def test_a_server_ends_when_it_is_told_also_with_a_client_that_listens(tmp_path: Path) -> None:
    shop = CliShop.build(tmp_path, more="\n[server.agents]\na2a = true\nmcp = true\n")
    with starting() as begin:
        found = begin(shop)
        made = shop.hitl("token", "make", "host", "--right", "start", "--of", "ann", "--as", "ann", "--json").json
        begun = asyncio.run(over_a_session(found.url, made["token"]))
        found.process.terminate()
        code, err = found.ended()
    assert begun["state"] == "paused"
    assert (code, "Traceback" in err) == (0, False), err
    assert shop.ledger("refund") == []


async def over_a_session(url: str, secret: str) -> dict[str, Any]:
    """A run that is started by a client which goes away without ending its session."""
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=60) as http:
        transport = streamable_http_client(f"{url}/mcp", http_client=http, terminate_on_close=False)
        async with Client(transport, mode="legacy") as client:
            result = await client.call_tool("start_run", {"input": {"do": "pay", "order": "A-7", "amount": 1.5}})
            assert not result.is_error, result.content
            said: dict[str, Any] = result.structured_content
            return said


@pytest.mark.processes
def test_servers_that_are_killed_while_clients_listen_lose_nothing(tmp_path: Path) -> None:
    """First while a user looks at a form, then while a client follows what was approved; each time another goes on."""
    agents = '\n[server.agents]\na2a = true\nmcp = true\nmay_answer = ["portal"]\n'
    shop = CliShop.build(tmp_path, more=agents)
    made = {who: ("token", "make", who, "--of", who, "--as", "ann", "--json", *rights) for who, rights in KEYS.items()}
    keys = {who: str(shop.hitl(*make).json["token"]) for who, make in made.items()}
    with starting() as begin:
        task = asyncio.run(looked_at(begin(shop), keys))
        assert shop.ledger("load") == []
        asyncio.run(followed(begin(shop), keys, task, shop))
        asyncio.run(told(begin(shop), keys, task))
    assert [line["order"] for line in shop.ledger("load")] == ["A-7"]


KEYS = {
    "planner": ("--right", "start"),
    "portal": ("--right", "start", "--right", "runs", "--right", "requests"),
}


async def looked_at(at: Served, keys: dict[str, str]) -> str:
    """A task, whose form a user looks at when the server dies; nothing comes of what they fill in."""
    async with over_a2a(at.url, keys["planner"], streams=True) as planner:
        task = (await planner.events(data({"do": "load_it", "order": "A-7"})))[0].task

    asked = []

    async def dies() -> None:
        asked.append(task.id)
        at.process.kill()
        at.process.wait()

    async def looks() -> None:
        async with over_mcp(at.url, keys["portal"], accepts(decision="approve"), era="legacy") as (portal, user):
            user.before = dies
            await portal.run("wait_for_run", run=task.id)

    with pytest.raises((MCPError, httpx2.HTTPError, ExceptionGroup)):
        await looks()
    assert asked == [task.id]
    return task.id


async def followed(at: Served, keys: dict[str, str], task: str, shop: CliShop) -> None:
    """It is approved, and its client follows it when the server dies in the midst of what was approved."""
    async with over_a2a(at.url, keys["portal"], streams=True) as portal:
        (request,) = requests_in(await portal.get(task))
        said = data(decided(request, "approve"))
        message = Message(message_id="a", task_id=task, role=Role.ROLE_USER, parts=[said])
        events = portal.client.send_message(SendMessageRequest(message=message))
        assert (await anext(events)).task.status.state == WORKS
        await asyncio.to_thread(eventually, lambda: bool(shop.ledger("load")), "the work")
        at.process.kill()
        with pytest.raises(A2AClientError):
            await anext(events)


async def told(at: Served, keys: dict[str, str], task: str) -> None:
    """What nobody knows is asked, and what somebody tells is what it comes to."""
    async with over_a2a(at.url, keys["planner"], streams=True) as planner:
        with suppress(UnsupportedOperationError):
            await planner.follow(task)
        (request,) = requests_in(await planner.get(task))
    async with over_a2a(at.url, keys["portal"]) as portal:
        done = await portal.send(data(decided(request, "choose", option="happened")), task_id=task)
        assert done.status.state == DONE
