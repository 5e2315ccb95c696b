"""A handoff: a person speaks in the agent's place, and hands back to an agent of the list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hitl_core.protocol import Action, Kind, Option, PauseRequest, Reply
from tests.core.shop import one_refund
from tests.core.stores.world import World
from tests.server.pages.desk import Desk, at_desk

OFFERED = (Reply.TAKE_OVER, Reply.HAND_BACK, Reply.ANSWER, Reply.CANCEL)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with at_desk(tmp_path, one_refund) as opened:
        yield opened


async def handed_over(desk: Desk) -> PauseRequest:
    """A conversation that waits for a person, as an adapter would have lifted it."""
    world = World(desk.hitl.store, now=desk.shop.clock.now())
    claimed = await world.open()
    options = (Option(id="refunds", label="The refund desk"), Option(id="sales"))
    action = Action(tool="handoff", arguments={"why": "they are angry"})
    request = world.request(claimed, "handoff#1", action, kind=Kind.HANDOFF, allowed=OFFERED, options=options)
    await world.pause(claimed, request)
    return request


async def test_a_person_says_something_and_stays_on_the_page(desk: Desk) -> None:
    request = await handed_over(desk)
    page = await desk.open(request)
    assert page.offered == {"take_over", "hand_back", "answer", "cancel", "delegate"}
    assert "they are angry" in page.text
    silent = await desk.browser.send(page.form("take_over"), text="  ")
    assert silent.status == 422
    said = await desk.browser.send(page.form("take_over"), text="I am sorry to hear that.")
    assert said.url.endswith(request.id)
    await desk.give()
    settled = await desk.hitl.request(request.id)
    assert settled.response is not None
    assert settled.response.decision.model_dump()["text"] == "I am sorry to hear that."
    assert "I am sorry to hear that." in (await desk.open(request)).text


async def test_it_is_handed_back_to_an_agent_of_the_list(desk: Desk) -> None:
    request = await handed_over(desk)
    form = (await desk.open(request)).form("hand_back")
    assert (await desk.browser.send(form, to="nobody")).status == 422
    await desk.browser.send(form, to="refunds", text="Please go on.")
    await desk.give()
    settled = await desk.hitl.request(request.id)
    assert settled.response is not None
    assert settled.response.decision.model_dump()["to"] == "refunds"
