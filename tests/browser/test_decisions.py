"""Every decision in a browser: with the keyboard alone, and by mouse where no script runs."""

from __future__ import annotations

from typing import Any, cast

import pytest
from playwright.async_api import Page, expect

from hitl_core.lifecycle import RequestState
from hitl_core.protocol import AuditEvent, PauseRequest
from hitl_core.runtime.record import entries
from tests.core.shop import only

from . import stories
from .conftest import Opened
from .inbox import Inbox
from .walks import ANN, WALKS, Walk, came_of, click, press

each_walk = pytest.mark.parametrize("walk", WALKS, ids=str)


async def open_by_keys(served: Inbox, request: PauseRequest, who: str = "ann") -> Page:
    """From the queue to the request, as somebody does who has no mouse."""
    page = await served.visit(who)
    await expect(page.locator(".js [data-open]")).to_be_visible()
    await press(page, "j", "Enter")
    await expect(page.locator(".js article.request h1")).to_have_text(request.title)
    return page


async def open_by_mouse(served: Inbox, request: PauseRequest, who: str = "ann") -> Page:
    """The same where no script runs."""
    page = await served.visit(who, java_script_enabled=False)
    await page.locator("[data-open]").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(request.title)
    return page


@each_walk
async def test_it_is_given_with_the_keyboard_alone(inbox: Opened, walk: Walk) -> None:
    async with inbox(walk.app, policy=walk.policy) as served:
        request = await served.ask()
        page = await open_by_keys(served, request)
        await press(page, *walk.keys)
        await expect(page).to_have_url(f"{served.url}/")
        await came_of(served, request, walk)


@each_walk
async def test_it_is_given_by_mouse_without_a_script(inbox: Opened, walk: Walk) -> None:
    async with inbox(walk.app, policy=walk.policy) as served:
        request = await served.ask()
        page = await open_by_mouse(served, request)
        await click(page, *walk.clicks)
        await expect(page).to_have_url(f"{served.url}/")
        await came_of(served, request, walk)


GIVES_ON = (("d", "=bea", "Enter"), (("Give on…",), ("Who shall decide", "bea"), ("Give on",)))


@pytest.mark.parametrize("by_keys", [True, False], ids=["keys", "mouse"])
async def test_it_is_given_on_to_another_who_decides(inbox: Opened, by_keys: bool) -> None:
    async with inbox(stories.refunds, policy=ANN) as served:
        request = await served.ask()
        page = await (open_by_keys if by_keys else open_by_mouse)(served, request)
        await (press(page, *GIVES_ON[0]) if by_keys else click(page, *GIVES_ON[1]))
        await expect(page).to_have_url(f"{served.url}/")
        await served.voted(request)
        await page.goto(f"/requests/{request.id}")
        await expect(page.locator("#decide")).to_contain_text("You may not decide this")
        other = await served.visit("bea")
        await other.goto(f"/requests/{request.id}")
        await press(other, "a")
        await expect(other).to_have_url(f"{served.url}/")
        await served.done(request)
        settled = await served.hitl.request(request.id)
        (given_on,), approved = settled.votes, settled.response
        assert approved is not None
        assert (given_on.responder.id, given_on.decision.type) == ("ann", "delegate")
        assert (approved.responder.id, approved.decision.type) == ("bea", "approve")
        assert served.shop.ledger.count("refund") == 1


PUTS_OFF = (("z", "=2031-05-17 09:00", "Enter"), (("Put off…",), ("4 hours",)))


@pytest.mark.parametrize("by_keys", [True, False], ids=["keys", "mouse"])
async def test_it_is_put_off(inbox: Opened, by_keys: bool) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        page = await (open_by_keys if by_keys else open_by_mouse)(served, request)
        await (press(page, *PUTS_OFF[0]) if by_keys else click(page, *PUTS_OFF[1]))
        await expect(page).to_have_url(f"{served.url}/")
        await expect(page.locator("[data-open]")).to_have_count(0)
        await page.goto("/?show=later")
        await expect(page.locator("[data-open]")).to_have_count(1)
        settled = await served.hitl.request(request.id)
        assert (settled.state, settled.response) == (RequestState.OPEN, None)


async def test_it_is_put_off_until_a_time_of_the_reader(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        page = await served.visit(timezone_id="Pacific/Auckland")
        await page.goto(f"/requests/{request.id}")
        await expect(page.locator(".js [data-zone]")).to_have_text("Pacific/Auckland")
        await press(page, "z", "=2031-05-17 09:00", "Enter")
        await expect(page).to_have_url(f"{served.url}/")
        (line,) = [each async for each in entries(served.site.store, events=(AuditEvent.REQUEST_DEFERRED,))]
        assert '"until":"2031-05-16T21:00:00+00:00"' in line.body


TURNS = (
    ("o", "=It is on its way.", "Tab", "Enter"),
    (("Say it in the agent's place", "It is on its way."), ("Send",)),
)
BACK = (
    ("b", "=all clear", "Tab", "Tab", "Enter"),
    (("Hand back…",), ("Your last words (may be empty)", "all clear"), ("Hand back",)),
)


async def test_a_conversation_goes_on_from_turn_to_turn(inbox: Opened) -> None:
    async with inbox(stories.talks) as served:
        request = await served.ask()
        page = await open_by_keys(served, request)
        await click(page, ("Add what they have said meanwhile",))
        await page.get_by_label("What they have said").filter(visible=True).fill("Hello?\n\nIs anybody there?")
        await press(page, "Tab", "=It is on its way.", "Tab", "Enter")
        await expect(page.locator("#status")).to_contain_text("ann has spoken in the agent's place")
        next_ = only(await served.done(request))
        await expect(page.get_by_role("link", name=next_.title)).to_be_visible()  # by itself, when the agent asks on
        await press(page, "n")
        await expect(page).to_have_url(f"{served.url}/requests/{next_.id}")
        said = page.locator(".js #talk .bubble")
        await expect(said).to_have_text(["Hello?", "Is anybody there?", "It is on its way."])
        await press(page, "b", "=all clear", "Tab", "Tab", "Enter")
        run = await served.done(next_)
        assert [(each["heard"], each["text"]) for each in cast("Any", run.output)] == [
            (["Hello?", "Is anybody there?"], "It is on its way."),
            ([], "all clear"),
        ]


@pytest.mark.parametrize("by_keys", [True, False], ids=["keys", "mouse"])
async def test_a_conversation_is_taken_over_and_handed_back(inbox: Opened, by_keys: bool) -> None:
    async with inbox(stories.talks) as served:
        request = await served.ask()
        page = await (open_by_keys if by_keys else open_by_mouse)(served, request)
        await (press(page, *TURNS[0]) if by_keys else click(page, *TURNS[1]))
        await expect(page.locator("#status")).to_contain_text("spoke")
        next_ = only(await served.done(request))
        await page.goto(f"/requests/{next_.id}")
        await expect(page.get_by_role("heading", level=1)).to_have_text(next_.title)
        await (press(page, *BACK[0]) if by_keys else click(page, *BACK[1]))
        run = await served.done(next_)
        said = [(await served.hitl.request(each.id)).response for each in (request, next_)]
        assert [each and each.decision.type for each in said] == ["take_over", "hand_back"]
        assert [each and each.responder.id for each in said] == ["ann", "ann"]
        assert [(each["floor"], each["by"], each["text"]) for each in cast("Any", run.output)] == [
            ("person", "ann", "It is on its way."),
            ("agent", "ann", "all clear"),
        ]
