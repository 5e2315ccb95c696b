"""The client's user is asked, over the official client: what each of their gestures means, and what never counts."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from mcp_types import INVALID_PARAMS, ElicitRequestParams, ElicitRequestURLParams, ElicitResult
from mcp_types._v2025_11_25 import PrimitiveSchemaDefinition
from pydantic import TypeAdapter

from hitl_core.mcp import rounds
from hitl_core.protocol import RunState
from hitl_core.server.auth import Right
from tests.cli.shop import PATIENCE
from tests.core.shop import Shop, policy, rule
from tests.server.agents import Street, street
from tests.server.mcp.client import ERAS, NEW, OLD, Does, accepts, calling, declines, dismisses, opens

PLAIN: TypeAdapter[Any] = TypeAdapter(PrimitiveSchemaDefinition)


@pytest.mark.parametrize("era", ERAS)
async def test_the_clients_user_decides_while_a_call_waits(here: Street, era: str) -> None:
    run = await here.start(order="A-7", amount=30.5)
    async with calling(here.url, "portal", accepts(decision="approve"), era=era) as (portal, user):
        done = await portal.run("wait_for_run", run=run.id)
    assert (done["state"], done["output"]["said"]) == ("completed", "paid 30.5")
    (asked,) = user.asked
    assert "refund" in asked.message
    assert user.form["properties"]["decision"]["enum"][0] == "approve"
    assert here.shop.ledger.count("refund") == 1
    (line,) = [each for each in await here.decisions() if each["by"] == "portal"]
    assert "mcp" in json.dumps(line)


ANSWERS: list[tuple[str, dict[str, Any], str, int]] = [
    ("refund", {"decision": "edit", "arguments.amount": 40}, "paid 40", 1),
    ("refund", {"decision": "reject", "text": "too much"}, "refused: ", 0),
    ("refund", {"decision": "answer", "text": "by hand"}, "by hand", 0),
    ("question", {"answer": "because"}, "because", 0),
    ("choice", {"option": "left"}, "left", 0),
    ("review", {"decision": "revise", "text": "shorter"}, "", 0),
    ("review", {"decision": "accept"}, "", 0),
    ("letter", {"decision": "accept"}, "sent", 1),
    ("sign", {"decision": "report", "outcome": "done", "result": "by Ann"}, "by Ann", 0),
]


@pytest.mark.parametrize(("do", "content", "said", "ran"), ANSWERS)
async def test_every_kind_is_asked_by_a_flat_form(
    here: Street, do: str, content: dict[str, Any], said: str, ran: int
) -> None:
    run = await here.start(do=do)
    async with calling(here.url, "portal", accepts(**content), era=NEW) as (portal, user):
        done = await portal.run("wait_for_run", run=run.id)
    for each in user.form["properties"].values():
        PLAIN.validate_python(each)
    assert done["state"] == "completed", done
    found = done["output"]["said"]
    assert said in (found if isinstance(found, str) else said)
    assert here.shop.ledger.count() == ran


async def test_an_argument_is_edited_as_its_tool_takes_it(here: Street) -> None:
    run = await here.start(amount=40)
    edited = accepts(**{"decision": "edit", "arguments.amount": 39.5})
    async with calling(here.url, "portal", edited) as (portal, user):
        done = await portal.run("wait_for_run", run=run.id)
    assert (user.form["properties"]["arguments.amount"]["type"], done["output"]["said"]) == ("number", "paid 39.5")
    run = await here.start(do="book")
    edited = accepts(**{"decision": "edit", "arguments.number": 7.5})
    async with calling(here.url, "portal", edited) as (portal, user):
        said = await portal.run("wait_for_run", run=run.id)
    assert (user.form["properties"]["arguments.number"]["type"], said["state"]) == ("integer", "paused")
    assert here.shop.ledger.count("book") == 0


@pytest.mark.parametrize("era", ERAS)
async def test_to_decline_is_to_refuse(here: Street, era: str) -> None:
    run = await here.start()
    async with calling(here.url, "portal", declines, era=era) as (portal, _):
        done = await portal.run("wait_for_run", run=run.id)
    assert done["output"]["said"].startswith("refused: ")
    assert here.shop.ledger.count() == 0


@pytest.mark.parametrize("era", ERAS)
async def test_to_dismiss_decides_nothing(here: Street, era: str) -> None:
    run = await here.start()
    async with calling(here.url, "portal", dismisses, era=era) as (portal, user):
        said = await portal.run("wait_for_run", run=run.id)
    assert (said["state"], len(user.asked)) == ("paused", 1)
    assert "nothing is decided" in said["said"][0]
    assert [each["request"] for each in said["waiting"]] == [each.id for each in run.pending]
    assert await here.decisions() == []


NO_CONSENT: list[dict[str, Any] | None] = [
    None,
    {},
    {"text": "yes, approve"},
    {"decision": "yes"},
    {"decision": "Approve"},
    {"decision": True},
    {"decision": "approve", "arguments.amount": 1.0},
    {"decision": "edit", "arguments.amount": "1"},
    {"decision": "ask"},
]


@pytest.mark.parametrize("content", NO_CONSENT, ids=range(len(NO_CONSENT)))
async def test_what_does_not_fit_the_form_is_never_consent(here: Street, content: dict[str, Any] | None) -> None:
    run = await here.start()
    does: Does = lambda _: ElicitResult(action="accept", content=content)  # noqa: E731  # a gesture
    async with calling(here.url, "portal", does) as (portal, _):
        said = await portal.run("wait_for_run", run=run.id)
    assert said["state"] == "paused"
    assert "the answer was not taken" in said["said"][0]
    assert here.shop.ledger.count() == 0


@pytest.mark.parametrize("era", ERAS)
async def test_several_are_asked_and_what_comes_next_too(here: Street, era: str) -> None:
    yes = accepts(decision="approve")
    both, twice = await here.start(do="both"), await here.start(do="twice")
    async with calling(here.url, "portal", yes, yes, yes, yes, era=era) as (portal, user):
        assert (await portal.run("wait_for_run", run=both.id))["state"] == "completed"
        assert len(user.asked) == 2
        assert (await portal.run("wait_for_run", run=twice.id))["state"] == "completed"
    assert len(user.asked) == 4
    assert here.shop.ledger.count("refund") == 4


@pytest.mark.parametrize("era", ERAS)
async def test_an_answer_that_is_too_late_is_told_so(here: Street, era: str) -> None:
    run = await here.start()
    (request,) = run.pending

    async with calling(here.url, "portal", accepts(decision="approve"), era=era) as (portal, user):
        user.before = lambda: here.decide(request.reject("first", by="ann"))
        said = await portal.run("wait_for_run", run=run.id)
    assert "the answer was not taken" in said["said"][0]
    assert here.shop.ledger.count() == 0


async def test_who_may_no_longer_when_they_answer_decides_nothing(here: Street) -> None:
    run = await here.start()

    async def demoted() -> None:
        now = here.known["portal"]
        here.known["portal"] = replace(now, rights=now.rights - {Right.REQUESTS})

    async with calling(here.url, "portal", accepts(decision="approve"), era=OLD) as (portal, user):
        user.before = demoted  # while they look at it
        said = await portal.run("wait_for_run", run=run.id)
    assert "the answer was not taken" in said["said"][0]
    assert here.shop.ledger.count() == 0


# ── an agent never answers its own ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("era", ERAS)
async def test_by_default_the_user_is_sent_to_where_people_decide(here: Street, era: str) -> None:
    def goes(params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="decline")

    async with calling(here.url, "planner", goes, era=era) as (planner, user):
        said = await planner.run("start_run", input={})
    (asked,) = user.asked
    assert isinstance(asked, ElicitRequestURLParams)
    assert asked.url == f"http://inbox.test/requests/{said['waiting'][0]['request']}"
    assert said["state"] == "paused"
    assert here.shop.ledger.count() == 0


@pytest.mark.parametrize("era", ERAS)
async def test_and_the_call_goes_on_when_people_have_decided_there(here: Street, era: str) -> None:
    run = await here.start()
    (request,) = run.pending

    def goes(params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept")

    async with calling(here.url, "planner", goes, era=era) as (planner, user):
        user.before = lambda: here.decide(request.approve(by="ann"))
        done = await planner.run("wait_for_run", run=run.id)
    assert "is opened" in done["said"][0]
    assert done["state"] == "completed"
    assert here.shop.ledger.count("refund") == 1


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("do", ["refund", "question", "choice", "review"])
async def test_who_has_started_a_run_is_asked_nothing_about_it(here: Street, do: str, era: str) -> None:
    """The user of the client is in the very session of the agent that has started it: they decide as themselves."""
    async with calling(here.url, "asker", declines, declines, era=era) as (asker, user):
        said = await asker.run("start_run", input={"do": do})
        again = await asker.run("wait_for_run", run=said["run"])
    assert [type(each) for each in user.asked] == [ElicitRequestURLParams] * 2
    assert (said["state"], again["state"]) == ("paused", "paused")
    assert await here.decisions() == []


async def test_nor_through_a_second_session(here: Street) -> None:
    async with calling(here.url, "asker", era=OLD) as (asker, _):
        run = (await asker.run("start_run", input={"do": "question"}))["run"]
    async with calling(here.url, "asker", declines, era=OLD) as (asker, user):
        said = await asker.run("wait_for_run", run=run)
    assert [type(each) for each in user.asked] == [ElicitRequestURLParams]
    assert said["state"] == "paused"


FILLED_IN: list[tuple[str, dict[str, Any]]] = [
    ("refund", {"decision": "approve"}),
    ("refund", {"decision": "edit", "arguments.amount": 1.0}),
    ("question", {"answer": "because"}),
    ("choice", {"option": "left"}),
]


async def test_a_form_that_nobody_was_shown_is_not_answered(here: Street) -> None:
    """A client that answers what it was not asked: for what it has started, and where it may carry nothing."""
    for who in ("asker", "planner"):
        for do, accepted in FILLED_IN:
            run = await here.start(by=who, do=do)
            (request,) = run.pending
            state = {"run": run.id, "shown": {request.id: request.digest}, "forms": [request.id], "round": 1}
            said = await forged(here, who, state, {request.id: {"action": "accept", "content": accepted}})
            assert said["result"]["structuredContent"]["state"] == "paused"
    assert here.shop.ledger.count() == 0
    assert await here.decisions() == []


FORGED: list[dict[str, Any]] = [
    {"shown": {}},
    {"round": 0},
    {"round": "many"},
    {"forms": "all"},
    {"by": "ann"},
    {"run": "another"},
]


@pytest.mark.parametrize("change", FORGED, ids=range(len(FORGED)))
async def test_a_state_that_is_forged_is_believed_as_little_as_anything(here: Street, change: dict[str, Any]) -> None:
    run = await here.start()
    (request,) = run.pending
    state = {"run": run.id, "shown": {request.id: request.digest}, "forms": [request.id], "round": 1, **change}
    answer = {request.id: {"action": "accept", "content": {"decision": "approve"}}}
    said = await forged(here, "portal", state, answer)
    assert said["result"]["isError"]
    stale = {**state, **{"run": run.id, "forms": [request.id], "round": 1, "shown": {request.id: "0" * 64}}}
    stale.pop("by", None)
    assert (await forged(here, "portal", stale, answer))["result"]["isError"]
    assert here.shop.ledger.count() == 0


async def test_a_state_of_a_run_that_is_hidden_opens_nothing(here: Street) -> None:
    run = await here.start()
    (request,) = run.pending
    state = {"run": run.id, "shown": {request.id: request.digest}, "forms": [request.id], "round": 1}
    said = await forged(here, "stranger", state, {request.id: {"action": "decline"}})
    assert "there is no run" in said["result"]["content"][0]["text"]
    assert (await here.run(run.id)).state is RunState.PAUSED


async def test_people_that_a_rule_names_are_asked_and_no_client_in_their_place(tmp_path: Any) -> None:
    shop = Shop(tmp_path)
    async with street(shop) as here, calling(here.url, "portal", accepts(decision="approve")) as (portal, _):
        shop.policy = policy(rule("refunds", level="confirm", approvers={"users": ["ann"]}))
        said = await portal.run("wait_for_run", run=(await here.start()).id)
    assert "may not decide this" in said["said"][0]
    assert shop.ledger.count() == 0


# ── who is nobody ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("authorization", [None, "Bearer nobody", "Basic portal"])
async def test_nobody_comes_in_unsigned(here: Street, authorization: str | None) -> None:
    headers = {"Accept": "application/json, text/event-stream"}
    headers |= {"Authorization": authorization} if authorization else {}
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as client:
        for method in ("POST", "GET", "DELETE"):
            ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            answered = await client.request(method, f"{here.url}/mcp", json=ping)
            assert answered.status_code == 401
    assert (await here.hitl.runs()).items == ()


async def test_a_session_is_theirs_who_began_it(here: Street) -> None:
    headers = {"Accept": "application/json, text/event-stream", "Authorization": "Bearer portal"}
    client_info = {"name": "x", "version": "1"}
    begin = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client_info}
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as client:
        url = f"{here.url}/mcp"
        began = await client.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin})
        session = {"mcp-session-id": began.headers["mcp-session-id"]}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        assert (await client.post(url, json=ping, headers=session)).status_code == 200
        other = {**session, "Authorization": "Bearer planner"}
        assert (await client.post(url, json=ping, headers=other)).status_code == 404


async def test_where_there_is_no_page_nobody_is_sent_to_one(tmp_path: Any) -> None:
    async with street(Shop(tmp_path), inbox="") as here:
        async with calling(here.url, "planner", declines, era=OLD) as (planner, user):
            said = await planner.run("wait_for_run", run=(await here.start()).id)
        assert (said["state"], user.asked) == ("paused", [])


async def forged(here: Street, who: str, state: dict[str, Any], responses: dict[str, Any]) -> dict[str, Any]:
    """What comes of a call that a client makes by itself, as if it had been asked."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}, "url": {}}},
    }
    params = {
        "name": "wait_for_run",
        "arguments": {"run": state["run"]},
        "requestState": json.dumps(state),
        "inputResponses": responses,
        "_meta": meta,
    }
    headers = {
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {who}",
        "MCP-Protocol-Version": NEW,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "wait_for_run",
    }
    async with httpx2.AsyncClient(headers=headers, timeout=60) as client:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answered = await client.post(f"{here.url}/mcp", json=body)
    text = answered.text
    if text.startswith("event:") or text.startswith("data:"):
        text = next(line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:"))
    found: dict[str, Any] = json.loads(text)
    return found


async def test_who_says_nothing_in_time_decides_nothing_and_no_more_later(
    here: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LONGEST_ASKED", 0.1)
    run, late = await here.start(), asyncio.Event()
    async with calling(here.url, "portal", accepts(decision="approve"), era=OLD) as (portal, user):

        async def looks() -> None:
            await late.wait()

        user.before = looks
        said = await portal.run("wait_for_run", run=run.id)
        late.set()
        again = await portal.run("read_run", run=run.id)
    assert "Nobody has said anything in time" in said["said"][0]
    assert (len(user.asked), again["state"]) == (1, "paused")
    assert await here.decisions() == []


# ── what a form cannot hold ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("era", ERAS)
async def test_what_does_not_fit_into_a_form_is_answered_on_the_page(here: Street, era: str) -> None:
    run = await here.start(do="nested")
    (request,) = run.pending
    async with calling(here.url, "portal", opens, era=era) as (portal, user):
        user.before = lambda: here.decide(request.answer({"place": {"town": "Bonn"}}, by="ann"))
        done = await portal.run("wait_for_run", run=run.id)
    (asked,) = user.asked
    assert isinstance(asked, ElicitRequestURLParams)
    assert done["output"]["said"] == {"place": {"town": "Bonn"}}


async def test_and_where_there_is_no_page_it_is_said_why_nobody_was_asked(tmp_path: Any) -> None:
    async with street(Shop(tmp_path), inbox="") as here:
        run = await here.start(do="nested")
        async with calling(here.url, "portal", declines) as (portal, user):
            said = await portal.run("wait_for_run", run=run.id)
        assert (said["state"], user.asked) == ("paused", [])
        assert "does not fit into a form" in said["said"][0]
        (request,) = run.pending
        state = {"run": run.id, "shown": {request.id: request.digest}, "forms": [request.id], "round": 1}
        flat, nested = {"place": "Bonn"}, {"place": {"town": "Bonn"}}
        filled = {request.id: {"action": "accept", "content": flat}}
        found = (await forged(here, "portal", state, filled))["result"]["structuredContent"]
        assert (found["state"], "not answered by a form" in found["said"][0]) == ("paused", True)
        filled = {request.id: {"action": "accept", "content": nested}}
        assert (await forged(here, "portal", state, filled))["error"]["code"] == INVALID_PARAMS
    assert (await here.shop.verified()).exit_code == 0


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_goes_away_while_its_user_looks_decides_nothing(here: Street, era: str) -> None:
    run = await here.start()

    async def leaves() -> None:
        raise ConnectionError("the client ends here")

    with suppress(BaseException):
        async with calling(here.url, "portal", accepts(decision="approve"), era=era) as (portal, user):
            user.before = leaves
            await portal.run("wait_for_run", run=run.id)
    assert (await here.run(run.id)).state is RunState.PAUSED
    assert await here.decisions() == []
    async with calling(here.url, "portal", accepts(decision="approve"), era=era) as (portal, _):
        assert (await portal.run("wait_for_run", run=run.id))["state"] == "completed"
    assert here.shop.ledger.count("refund") == 1
