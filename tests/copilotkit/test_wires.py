"""Pages of other kinds before the same server: older ones, ones that know tools alone, and people whom nobody knows."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from playwright.async_api import Page, Route, expect

from hitl_core import connect
from tests.cli.shop import PATIENCE
from tests.copilotkit.cases import Case, Counted, run_behind
from tests.copilotkit.conftest import Open, on_one_backend
from tests.copilotkit.studio import Studio


@on_one_backend
async def test_an_older_page_is_asked_one_thing_after_the_other(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "old")
        await case.say("publish two")
        await expect(case.section).to_contain_text("The first of 2")
        await expect(case.card("approval")).to_contain_text("Version 4.2")
        await page.reload()
        await case.click("Dismiss")
        await expect(case.card("approval")).to_contain_text("Version 4.3")
        await case.click("Edit")
        await case.card("approval").get_by_label("share").fill("50")
        assert effects.new == []
        await case.click("Approve as edited")
        await case.reads("Version 4.3 is out for 50 %")
        await case.asks_nothing()
    assert effects.new == [{"version": "4.3", "share": 50}]


@on_one_backend
async def test_what_is_typed_into_an_older_page_outlives_that_another_answers(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "old")
        await case.say("publish two")
        await expect(case.section).to_contain_text("The first of 2")
        await case.click("Edit")
        share = case.card("approval").get_by_label("share")
        await share.fill("50")
        async with in_two_parts(page, "**/older/connect") as (begun, goes_on):
            async with connect(studio.config) as hitl:
                (_, second) = (await run_behind(hitl, page, "old")).pending
                await hitl.respond(second.reject(by="bob"))
            await begun.wait()
            await expect(case.section.get_by_role("button", name="Approve as edited")).to_be_visible()
            await expect(share).to_have_value("50")
            goes_on.set()
            await expect(case.section).not_to_contain_text("The first of 2")
        await expect(share).to_have_value("50")
        await expect(share).to_be_focused()
        await case.click("Approve as edited")
        await case.reads("Version 4.2 is out for 50 %")
        await case.asks_nothing()
    assert effects.new == [{"version": "4.2", "share": 50}]


@asynccontextmanager
async def in_two_parts(page: Page, calls: str) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """Such calls get their first event at once, which sets `begun`, and the others when `goes_on` is set."""
    begun, goes_on, answers = asyncio.Event(), asyncio.Event(), asyncio.Queue[bytes]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, end, others = (await answers.get()).partition(b"\n\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + first + end)
        await writer.drain()
        begun.set()
        await goes_on.wait()
        writer.write(others)
        await writer.drain()
        writer.close()

    async def asked(route: Route) -> None:
        sent = route.request
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            found = await client.post(sent.url, content=sent.post_data, headers=await sent.all_headers())
        answers.put_nowait(found.content)
        await route.continue_(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        await page.route(calls, asked)
        yield begun, goes_on
        await page.unroute(calls)


@on_one_backend
async def test_a_page_that_knows_tools_alone_is_asked_by_calls_of_one(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "tools")
        await case.say("headline")
        await case.section.get_by_label("Answer").fill("Faster than ever")
        await case.click("Send")
        await case.reads("The owner says: Faster than ever")
        await case.say("publish")
        await case.click("Approve")
        await case.reads("Version 4.2 is out for 10 %")
        await case.asks_nothing()
    assert effects.new == [{"version": "4.2", "share": 10}]


@on_one_backend
async def test_who_has_no_name_is_the_pages_first_person_and_a_stranger_is_not_let_in(
    studio: Studio, opened: Open
) -> None:
    url = f"{studio.url}/copilotkit/info"
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        told = {
            name: (await client.get(url, headers={"cookie": f"person={name}"})).status_code
            for name in ("", "ann", "mallory", "x" * 300)
        }
    assert told == {"": 200, "ann": 200, "mallory": 401, "x" * 300: 401}
    async with opened("#cases", person="mallory") as (page, _):
        await expect(page.get_by_label("You are")).to_have_value("anybody")
        case = Case(page, "named")
        await case.say("channel")
        await case.click("Nowhere")
        await case.asks_nothing()


@on_one_backend
async def test_the_server_ends_when_it_is_told_to_though_a_page_listens(studio: Studio) -> None:
    url = f"{studio.url}/copilotkit/agent/studio/changes?thread=heard"
    async with httpx.AsyncClient(timeout=PATIENCE) as client, client.stream("GET", url) as told:
        assert "changed" in await anext(told.aiter_lines())
        try:
            assert studio.end() in (0, -signal.SIGTERM)
        finally:
            studio.kill()
            studio.start()
