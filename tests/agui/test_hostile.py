"""What is posted to break a page or its server: it is refused or told, runs nothing, and costs no more than it has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from ag_ui.core import BaseEvent, RunFinishedEvent, TextMessageContentEvent
from starlette.applications import Starlette

from hitl_core.agui import mount_copilotkit
from hitl_core.agui.posts import BODY_LIMIT
from hitl_core.agui.reading import ANSWERS_LIMIT, call_of, posted
from hitl_core.agui.streams import written
from hitl_core.agui.working import Working
from hitl_core.callers.seats import MOST
from hitl_core.commands import StopScope
from hitl_core.protocol import LiveEvent, LiveKind
from tests.agui.page import AGENT, Page, by_header, events_in, resolved, served
from tests.agui.test_conversation import OWN, PICK, Desk, app_of, at_desk
from tests.cli.shop import PATIENCE
from tests.core.shop import Shop
from tests.server.site import served as on_a_socket

RUN = f"/copilotkit/agent/{AGENT}/run"
CONNECT = f"/copilotkit/agent/{AGENT}/connect"
CHANGES = f"/copilotkit/agent/{AGENT}/changes?thread=t"
STOP = f"/copilotkit/agent/{AGENT}/stop/thread-1"
JSON = {"content-type": "application/json"}
DEEP = b"[" * 100_000 + b"]" * 100_000


def body(**fields: Any) -> dict[str, Any]:
    said = [{"id": "m", "role": "user", "content": "refund"}]
    return {"threadId": "t", "runId": "r", "messages": said, "tools": [], "context": [], **fields}


def resume(count: int) -> list[dict[str, Any]]:
    return [resolved(f"r-{at}", {}) for at in range(count)]


async def refused(desk: Desk, path: str, content: bytes, headers: dict[str, str] | None = None) -> int:
    answer = await desk.page.client.post(path, content=content, headers=JSON if headers is None else headers)
    assert answer.json()["error"]
    assert (await desk.hitl.runs()).items == ()
    return answer.status_code


@pytest.mark.parametrize("path", [RUN, CONNECT, "/copilotkit", f"/agui/{AGENT}"])
async def test_a_body_that_is_too_long_is_refused_and_not_read(tmp_path: Path, path: str) -> None:
    async with at_desk(tmp_path) as desk:
        whole = json.dumps(body()).encode()
        assert await refused(desk, path, whole + b" " * BODY_LIMIT) == 413


@pytest.mark.parametrize("path", [RUN, CONNECT, "/copilotkit", f"/agui/{AGENT}"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_what_a_form_of_somebody_else_can_send_is_not_read(tmp_path: Path, path: str, kind: str) -> None:
    async with at_desk(tmp_path) as desk:
        content = json.dumps({"method": "agent/run", "params": {"agentId": AGENT}, "body": body(), **body()}).encode()
        assert await refused(desk, path, content, {"content-type": kind}) == 415


async def test_a_page_of_somebody_else_stops_nothing(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        assert await refused(desk, STOP, b"", {"sec-fetch-site": "cross-site"}) == 403
        answer = await desk.page.client.post(STOP, json={}, headers={"sec-fetch-site": "cross-site"})
        assert answer.json() == {"stopped": False}


async def test_of_nobodys_post_nothing_is_read(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:

        async def endless() -> AsyncIterator[bytes]:
            yield b"{"
            raise AssertionError("it was read")

        for path in (RUN, CONNECT, "/copilotkit"):
            answer = await desk.page.client.post(path, content=endless(), headers={**JSON, "x-person": "nobody"})
            assert answer.status_code == 401


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (RUN, b'{"state":' + DEEP + b"}"),
        (RUN, json.dumps(body(threadId="")).encode()),
        (RUN, json.dumps(body(threadId="x" * 257)).encode()),
        (RUN, json.dumps(body(threadId="t\r\ndata: x")).encode()),
        (RUN, json.dumps(body(threadId="t\0")).encode()),
        (RUN, json.dumps(body(resume=resume(ANSWERS_LIMIT + 1))).encode()),
        ("/copilotkit", b'{"method":' + DEEP + b"}"),
        ("/copilotkit", b'{"method":["info"]}'),
        ("/copilotkit", b'{"method":"agent/run","params":{"agentId":["desk"]}}'),
        ("/copilotkit", b'{"method":"agent/stop","params":{"agentId":"desk","threadId":{"a":1}}}'),
        ("/copilotkit", b'{"method":"agent/stop","params":{"agentId":"desk"}}'),
        ("/copilotkit", b'{"method":"agent/run","params":"x"}'),
    ],
    ids=range(12),
)
async def test_what_cannot_be_meant_is_refused(tmp_path: Path, path: str, content: bytes) -> None:
    async with at_desk(tmp_path) as desk:
        assert await refused(desk, path, content) == 422


@pytest.mark.parametrize("value", ["NaN", "1e999", "-Infinity"])
async def test_what_is_no_number_is_no_answer(tmp_path: Path, value: str) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("ask")
        entry = resolved(desk.page.interrupts[0]["id"], {"decision": {"type": "answer", "value": "X"}})
        content = json.dumps(body(threadId="thread-1", messages=[], resume=[entry])).replace('"X"', value)
        answer = await desk.page.client.post(RUN, content=content, headers=JSON)
        assert "is not a JSON number" in answer.text
        assert (await desk.hitl.inbox()).items


async def test_half_of_a_character_locks_no_page(tmp_path: Path) -> None:
    """A box that cuts what is typed leaves such halves, and a page posts them each time."""
    async with at_desk(tmp_path) as desk:
        await desk.page.say("hello \ud83d", id="\ude00")
        assert desk.page.texts == ["You said: hello \ufffd.", "1 messages"]
        await desk.page.say("refund")
        asked = desk.page.interrupts[0]["id"]
        await desk.page.resume(resolved(asked, {"approved": True, "editedArgs": {"order": "\ud83d", "amount": 1}}))
        assert desk.refunds == [("\ufffd", 1)]
        await desk.page.say("ask")
        await desk.page.resume(resolved(desk.page.interrupts[0]["id"], {"answer": "A\ud83d\ude00-\ude00"}))
        assert desk.page.texts[-1] == "It is A\U0001f600-\ufffd"


async def test_half_of_a_character_that_an_app_says_ends_no_stream() -> None:
    async def events() -> AsyncGenerator[BaseEvent]:
        yield TextMessageContentEvent(message_id="m", delta="\ud83d \ud83d\ude00")
        yield RunFinishedEvent(thread_id="t", run_id="r")

    first, last = [events_in(each)[0] async for each in written(events())]
    assert (first["delta"], last["type"]) == ("\ufffd \U0001f600", "RUN_FINISHED")


async def test_names_of_other_languages_are_only_names(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        await desk.page.resolve({"__proto__": {"approved": True}, "constructor": {}, "approved": False})
        assert desk.page.interrupts[0]["message"].startswith("Not accepted: ")
        assert desk.refunds == []


async def test_a_result_that_is_too_deep_is_the_text_that_it_is(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("pick")
        await desk.page.result(desk.page.open_calls[0]["id"], "[" * 50_000)
        assert desk.page.texts[-1].startswith("Picked [[[[")


# ── tools of the page ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "a name", "description": "x"},
        {"name": "__proto__ ", "description": "x"},
        {"name": "long", "description": "x" * 70_000},
        {"name": "remote", "description": "x", "parameters": {"type": "object", "$ref": "http://evil.test/x"}},
        {"name": "list", "description": "x", "parameters": {"type": "array"}},
        {"name": "pick_a_time", "description": "Twice.", "parameters": {"type": "object"}},
    ],
    ids=lambda tool: tool["name"],
)
async def test_a_tool_that_is_refused_is_told_and_locks_nothing(tmp_path: Path, tool: dict[str, Any]) -> None:
    async with at_desk(tmp_path) as desk:
        own, desk.page.tools = desk.page.tools, [*desk.page.tools, tool]
        for _ in range(2):  # the second time at once, too
            await desk.page.say("refund", id="m-1")
            assert "tools refused" in desk.page.texts[-1]
            assert (await desk.hitl.runs()).items == ()
            desk.page.messages = []
        await desk.page.connect()
        desk.page.tools = own
        await desk.page.say("refund", id="m-1")
        await desk.page.resolve({"approved": True})
        assert desk.refunds == [("A-1", 10.0)]


async def test_a_tool_with_the_name_of_one_of_the_app_takes_its_place_nowhere(tmp_path: Path) -> None:
    """An app whose tools are known when they are called fails then: nothing was run, and the page can go on."""
    async with at_desk(tmp_path) as desk:
        own, shadow = desk.page.tools, {"name": "refund", "description": "x", "parameters": {"type": "object"}}
        desk.page.tools = [*own, shadow]
        await desk.page.say("refund")
        assert (desk.page.interrupts, desk.page.open_calls, desk.refunds) == ([], [], [])
        desk.page.tools = own
        await desk.page.say("refund")
        await desk.page.resolve({"approved": True})
        assert desk.refunds == [("A-1", 10.0)]


# ── many ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_many_results_of_one_call_are_one_answer(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("pick")
        call = desk.page.open_calls[0]["id"]
        tool = {"role": "tool", "toolCallId": call, "content": "noon"}
        desk.page.messages += [{**tool, "id": f"t-{at}"} for at in range(20_000)]
        await desk.page.post()
        assert desk.page.texts[-1] == "Picked noon"
        assert "has changed nothing" not in str(desk.page.events)


def test_how_often_a_page_was_asked_is_counted_once_for_all_that_it_posts() -> None:
    calls = [
        {"id": call_of("r", at), "type": "function", "function": {"name": "f", "arguments": ""}} for at in range(9)
    ]
    found = posted(json.dumps(body(messages=[{"id": "a", "role": "assistant", "toolCalls": calls}])).encode())
    assert (found.times["r"], found.times.get("other")) == (9, None)


async def test_many_answers_to_nothing_are_told_in_one_sentence(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        await desk.page.resume(*resume(ANSWERS_LIMIT))
        assert [each["type"] for each in desk.page.events].count("TEXT_MESSAGE_START") == 1
        assert desk.refunds == []


async def test_a_message_with_a_long_id_is_heard_once(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        said = {"id": "m" * 300, "role": "user", "content": "hello"}
        for _ in range(2):
            desk.page.messages = [said]
            await desk.page.post()
        assert len((await desk.hitl.runs()).items) == 1


async def test_a_message_that_could_not_be_begun_can_be_said_again_at_once(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.hitl.stop(StopScope.ALL, by="boss", reason="maintenance")
        await desk.page.say("hello", id="m-1")
        await desk.hitl.lift(StopScope.ALL, by="boss", reason="done")
        desk.page.messages = []
        await desk.page.say("hello", id="m-1")
        assert desk.page.texts[-1] == "1 messages"


# ── pages that go away ───────────────────────────────────────────────────────────────────────────────────────


async def test_of_a_turn_whose_page_has_gone_nothing_is_kept_and_it_ends(tmp_path: Path) -> None:
    working, go, ended = Working(), asyncio.Event(), list[int]()

    async def turn() -> AsyncIterator[LiveEvent]:
        yield event()
        await go.wait()
        for _ in range(1000):
            yield event()
        ended.append(1)
        raise RuntimeError("nobody is told")

    pages = [working.listen(turn()) for _ in range(20)]
    for page in pages:
        await anext(page)
        await page.aclose()
    go.set()
    await working.close()
    assert len(ended) == 20
    assert not working._turns


async def test_a_page_that_goes_away_stops_nothing(tmp_path: Path) -> None:
    async with at_desk(tmp_path) as desk:
        page = Page(desk.page.client, tools=[PICK.model_dump(mode="json")])
        asked = asyncio.create_task(page.say("refund"))
        while not (await desk.hitl.runs()).items:
            await desk.hitl.store.changed(timeout=1.0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await desk.hitl.wait((await desk.hitl.runs()).items[0].id)
        await desk.page.connect()
        await desk.page.resolve({"approved": True})
        assert desk.refunds == [("A-1", 10.0)]


async def test_one_person_listens_no_more_often_than_their_pages_need_and_is_let_go_at_the_end(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    async with shop.open(app_of(shop), transcripts=True) as hitl:
        app = Starlette()
        pages = mount_copilotkit(app, {AGENT: hitl}, who=by_header)
        async with (
            on_a_socket(app) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
        ):
            async with AsyncExitStack() as open_ones:
                told = list[AsyncIterator[str]]()
                for _ in range(MOST):
                    stream = client.stream("GET", CHANGES, headers={"x-person": "ann"})
                    told.append((await open_ones.enter_async_context(stream)).aiter_text())
                    assert "changed" in await anext(told[-1])
                assert (await client.get(CHANGES, headers={"x-person": "ann"})).status_code == 429
                await pages.working.close()
                for each in told:
                    assert "changed" not in "".join([text async for text in each])
            assert (await client.get(CHANGES, headers={"x-person": "ann"})).status_code == 200


@pytest.mark.parametrize("route", ["run", "connect"])
async def test_one_person_posts_no_more_often_at_once_than_their_pages_need(tmp_path: Path, route: str) -> None:
    go, shop = asyncio.Event(), Shop(tmp_path)

    async def slow(given: Any) -> str:
        await go.wait()
        return "done"

    async with shop.open(slow, transcripts=True) as hitl, served(hitl) as client:
        pages = [Page(client, f"t-{at}") for at in range(MOST)]
        posts = [asyncio.create_task(page.say("work")) for page in pages]
        while len((await hitl.runs()).items) < MOST:
            await hitl.store.changed(timeout=1.0)
        one_more = body(threadId="t-more")
        path = f"/copilotkit/agent/{AGENT}/{route}"
        answer = await client.post(path, json=one_more, headers={"x-person": "ann"})
        assert (answer.status_code, "listens 32 times already" in answer.text) == (429, True)
        assert await Page(client, "of-bob", person="bob").connect()
        assert len((await hitl.runs()).items) == MOST
        go.set()
        await asyncio.gather(*posts)
        assert [page.texts for page in pages] == [["done"]] * MOST
        assert (await client.post(path, json=one_more, headers={"x-person": "ann"})).status_code == 200


async def test_who_listens_as_often_as_may_be_can_still_answer(tmp_path: Path) -> None:
    shop = Shop(tmp_path, policy=OWN)
    async with shop.open(app_of(shop), transcripts=True) as hitl:
        app = Starlette()
        pages = mount_copilotkit(app, {AGENT: hitl}, who=by_header)
        async with AsyncExitStack() as around:
            port = await around.enter_async_context(on_a_socket(app))
            client = await around.enter_async_context(
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE)
            )
            for _ in range(MOST):
                stream = client.stream("GET", CHANGES, headers={"x-person": "ann"})
                assert (await around.enter_async_context(stream)).status_code == 200
            page = Page(client)
            await page.say("refund")
            await page.resolve({"approved": True})
            await pages.working.close()
    assert shop.ledger.count("refund") == 1


def event() -> LiveEvent:
    return LiveEvent(kind=LiveKind.TEXT, run_id="r", id="m", text="x")
