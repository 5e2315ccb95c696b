"""Runs as tools, over the official client and a real socket: started, waited for, read, cancelled; nothing is answered
by a tool.
"""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from hitl_core.mcp.mounting import MOST_SESSIONS
from hitl_core.protocol import RunState
from tests.core.shop import Shop
from tests.server.agents import Street, street
from tests.server.mcp.client import NEW, OLD, accepts, calling


async def test_a_client_that_cannot_ask_is_told_what_waits_and_where_people_answer(here: Street) -> None:
    async with calling(here.url, "planner") as (planner, _):
        said = await planner.run("start_run", input={"order": "A-7", "amount": 30.5})
        assert said["state"] == "paused"
        (request,) = said["waiting"]
        assert (request["tool"], request["arguments"]) == ("refund", {"order": "A-7", "amount": 30.5})
        assert request["inbox"] == f"http://inbox.test/requests/{request['request']}"
        assert "people answer in the inbox at http://inbox.test" in said["said"][0]
        assert (await planner.run("read_run", run=said["run"])) == {**said, "said": []}
        assert (await planner.run("list_requests", run=said["run"]))["waiting"] == said["waiting"]
    assert here.shop.ledger.count() == 0


async def test_no_tool_answers(here: Street) -> None:
    async with calling(here.url, "portal") as (portal, _):
        tools = (await portal.client.list_tools()).tools
        names = {tool.name for tool in tools}
        assert names == {"start_run", "wait_for_run", "read_run", "list_requests", "cancel_run"}
        run = await here.start()
        (request,) = run.pending
        for name in ("answer", "respond", "approve", "start_run"):
            given = {"run": run.id, "request": request.id, "digest": request.digest, "decision": {"type": "approve"}}
            await portal.refused(name, **given)
    assert (await here.run(run.id)).state is RunState.PAUSED
    assert len((await here.hitl.runs()).items) == 1


async def test_a_run_is_cancelled_by_who_has_started_it(here: Street) -> None:
    async with calling(here.url, "planner") as (planner, _), calling(here.url, "stranger") as (stranger, _):
        run = (await planner.run("start_run", input={}))["run"]
        assert "there is no run" in await stranger.refused("cancel_run", run=run)
        assert (await planner.run("cancel_run", run=run, reason="not needed"))["state"] == "cancelled"
        assert "HITL" not in await planner.refused("cancel_run", run=run)
    assert here.shop.ledger.count() == 0


async def test_what_is_of_others_is_not_there(here: Street) -> None:
    run, foreign = await here.start(), await here.of_another()
    async with calling(here.url, "stranger") as (stranger, _), calling(here.url, "acme") as (acme, _):
        for caller, id in ((stranger, run.id), (acme, run.id), (stranger, foreign.id), (stranger, "none")):
            for tool in ("read_run", "wait_for_run", "cancel_run", "list_requests"):
                assert "there is no run" in await caller.refused(tool, run=id)
        assert "has not the right 'runs'" in await stranger.refused("list_requests")
        assert [each["run"] for each in (await acme.run("list_requests"))["waiting"]] == [foreign.id]


async def test_who_may_see_all_is_shown_all_that_waits(here: Street) -> None:
    one, other = await here.start(), await here.start(do="question")
    async with calling(here.url, "looker") as (looker, _):
        found = (await looker.run("list_requests"))["waiting"]
        assert [each["run"] for each in found] == [one.id, other.id]
        assert "has not the right 'start'" in await looker.refused("start_run", input={})


async def test_a_long_run_is_waited_for_as_long_as_is_said_and_not_longer(here: Street) -> None:
    async with calling(here.url, "planner") as (planner, _):
        said = await planner.run("start_run", input={"do": "slow"}, wait=0)
        assert said["state"] == "running"
        assert "arguments.wait" in await planner.refused("wait_for_run", run=said["run"], wait=1e9)
        here.held.set()
        assert (await planner.run("wait_for_run", run=said["run"]))["output"]["said"] == "at last"


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("start_run", {}),
    ("start_run", {"input": {}, "by": "ann"}),
    ("start_run", {"input": {}, "wait": "long"}),
    ("read_run", {"run": 7}),
    ("read_run", {"run": "x" * 300}),
    ("nonsense", {}),
    ("list_requests", {"cursor": "../.."}),
]


@pytest.mark.parametrize(("tool", "arguments"), WRONG, ids=range(len(WRONG)))
async def test_a_call_that_is_wrong_says_what_and_does_nothing(
    here: Street, tool: str, arguments: dict[str, Any]
) -> None:
    async with calling(here.url, "portal") as (portal, _):
        why = await portal.refused(tool, **arguments)
        assert "Traceback" not in why
    assert (await here.hitl.runs()).items == ()


@pytest.mark.parametrize("era", [OLD, NEW])
async def test_a_restart_between_the_pause_and_the_answer_loses_nothing(tmp_path: Any, era: str) -> None:
    shop = Shop(tmp_path)
    async with street(shop) as before, calling(before.url, "planner", era=era) as (planner, _):
        run = (await planner.run("start_run", input={"order": "A-7"}))["run"]
    async with street(shop) as after, calling(after.url, "portal", accepts(decision="approve"), era=era) as (portal, _):
        assert (await portal.run("wait_for_run", run=run))["state"] == "completed"
    assert shop.ledger.count("refund") == 1


@pytest.mark.parametrize("era", [OLD, NEW])
async def test_a_start_that_is_said_again_is_the_same_run(here: Street, era: str) -> None:
    async with calling(here.url, "planner", era=era) as (planner, _), calling(here.url, "asker", era=era) as (asker, _):
        first = await planner.run("start_run", input={"order": "A-7"}, key="k")
        assert (await planner.run("start_run", input={"order": "A-7"}, key="k"))["run"] == first["run"]
        assert "another" in await planner.refused("start_run", input={"order": "A-8"}, key="k")
        assert (await asker.run("start_run", input={"order": "A-7"}, key="k"))["run"] != first["run"]
    assert len((await here.hitl.runs()).items) == 2


async def test_nobody_takes_the_place_of_others_with_sessions_of_their_own(here: Street) -> None:
    begin = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin}
    headers = {"Accept": "application/json, text/event-stream", "Authorization": "Bearer stranger"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as hostile:
        begun = [(await hostile.post(f"{here.url}/mcp", json=call)).status_code for _ in range(MOST_SESSIONS + 1)]
    assert begun == [200] * MOST_SESSIONS + [503]
    async with calling(here.url, "planner", era=OLD) as (planner, _):
        assert (await planner.run("start_run", input={}))["state"] == "paused"


NONSENSE = [b"", b"[]", b"{", b"null", b"\xff", b"[" * 100_000, b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}']


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
@pytest.mark.parametrize("version", [NEW, "1999-01-01", None])
async def test_what_is_no_call_is_refused_and_the_next_one_served(
    here: Street, body: bytes, version: str | None
) -> None:
    headers = {"Accept": "application/json, text/event-stream", "Authorization": "Bearer planner"}
    headers |= {"Content-Type": "application/json", **({"MCP-Protocol-Version": version} if version else {})}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as client:
        answered = await client.post(f"{here.url}/mcp", content=body)
    assert (answered.status_code, "Traceback" in answered.text) == (400, False)
    assert "error" in answered.json()
    assert (await here.hitl.runs()).items == ()
