"""A page whose connection is cut after any event: with its next post it has what a page has that heard all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agui.page import Page, resolved
from tests.agui.test_conversation import Desk, at_desk
from tests.agui.test_page_calls import ASK

Answer = Callable[[Page], Awaitable[Any]]


async def yes(page: Page) -> None:
    await page.resume(*(resolved(each["id"], {"approved": True}) for each in page.interrupts))


async def yes_by_call(page: Page) -> None:
    for call in [each["id"] for each in page.open_calls if each["function"]["name"] == ASK["name"]]:
        await page.result(call, {"approved": True, "tool_call_id": call})


async def noon(page: Page) -> None:
    (call,) = [each["id"] for each in page.open_calls]
    await page.result(call, {"slot": "noon", "tool_call_id": call})


@pytest.mark.parametrize(
    ("says", "asks_with", "answer", "refunds"),
    [
        ("refund", "", yes, 1),
        ("refund", "ask_person", yes_by_call, 1),
        ("two", "", yes, 2),
        ("two", "ask_person", yes_by_call, 2),
        ("pick", "", noon, 0),
    ],
)
async def test_the_next_post_tells_all_that_was_missed(
    tmp_path: Path, says: str, asks_with: str, answer: Answer, refunds: int
) -> None:
    async with at_desk(tmp_path, asks_with=asks_with) as desk:
        desk.page.tools += [ASK] if asks_with else []
        longest = max(len(events) for _, events in (await told_whole(desk, says, answer)).wire)
        for cut in range(longest):
            page = desk.another(thread=f"cut-{cut}")
            page.hears = cut
            await page.say(says)
            await posts_again(page)
            page.hears = cut
            await answer(page)
            await posts_again(page)
            assert page.interrupts == []
            assert [each for each in page.open_calls if each["function"]["name"] == ASK["name"]] == []
            assert len(desk.refunds) == refunds * (cut + 2)


async def told_whole(desk: Desk, says: str, answer: Answer) -> Page:
    page = desk.another(thread="whole")
    await page.say(says)
    await answer(page)
    return page


async def posts_again(page: Page) -> None:
    """Now it has what a page has that was loaded again and asks for all; and what it has answered."""
    page.hears = None
    await page.post()
    loaded = page.another()
    await loaded.connect()
    ids = {each["id"] for each in loaded.messages}
    assert {each["id"]: each for each in page.messages if each["id"] in ids} == {
        each["id"]: each for each in loaded.messages
    }
    assert said(page) == said(loaded)
    assert page.interrupts == loaded.interrupts
    assert page.open_calls == loaded.open_calls


def said(page: Page) -> list[str]:
    """The messages of the app, in their order; a page may show results beside their calls, wherever they came."""
    own = {
        each["id"]
        for each in page.messages
        for call in each.get("toolCalls", ())
        if call["function"]["name"] == ASK["name"]
    }
    return [each["id"] for each in page.messages if each["role"] == "assistant" and each["id"] not in own]
