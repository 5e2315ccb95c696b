"""Answers that are held: taken back in time, given once, also by another process, and what came of them is told."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from hitl_core.commands import ChangeSlip, ListSlips, SlipKind, TakeSlips
from hitl_core.config import Serving
from hitl_core.errors import StoreUnavailable
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Json, PauseRequest, Response
from hitl_core.server import create_app
from hitl_core.server.pages import give_held
from hitl_core.server.pages.holding import hold
from hitl_core.server.site import Site
from tests.core.shop import Crash, Shop, one_refund, only, trail
from tests.server.pages.desk import UNDO, Desk, at_desk
from tests.server.site import HOST


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with at_desk(tmp_path, one_refund) as opened:
        yield opened


async def test_a_mistaken_click_is_taken_back(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.decide(request, "approve")
    back = await desk.browser.send(page.form(action="/undo"))
    assert back.url.endswith(request.id)
    assert "approve" in back.offered
    assert await desk.give() == 0
    assert (await desk.hitl.request(request.id)).state is RequestState.OPEN


async def test_what_was_typed_is_there_again_when_it_is_taken_back(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.decide(request, "edit", **{"arguments/amount": "99.5", "reason": "half of it"})
    back = await desk.browser.send(page.form(action="/undo"))
    fields = back.form("edit").fields
    assert (fields["arguments/amount"], fields["reason"]) == ("99.5", "half of it")
    assert "not taken" not in (await desk.browser.open("/")).text
    await desk.browser.send(back.form("edit"), **{"arguments/amount": "99"})
    await desk.done(request)
    assert [line["amount"] for line in desk.shop.ledger.lines("refund")] == [99]


async def test_what_was_taken_back_is_somebody_s_own_and_for_a_while(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.decide(request, "reject", message="No receipt")
    await desk.browser.send(page.form(action="/undo"))
    assert (await desk.open(request)).form("reject").fields["message"] == "No receipt"
    desk.come("bea")
    assert "No receipt" not in (await desk.open(request)).html
    desk.come("ann")
    desk.shop.clock.advance(minutes=31)
    assert "No receipt" not in (await desk.open(request)).html


async def test_where_the_inbox_is_mounted_an_answer_is_given_though_nobody_looks_again(tmp_path: Path) -> None:
    """Nobody runs the lifespan of what is mounted: the first request that it serves begins to give, also what a process
    before it has held; and it ends with the runtime."""
    shop = Shop(tmp_path)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        before, after = [only(await hitl.start({})) for _ in range(2)]
        app = create_app(hitl, Serving(url=HOST))
        outer = FastAPI()
        outer.mount("/inbox", app)
        await hold(app.state.site, before.approve(by="ann"), title="Refund", tenant="default", typed={})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url=HOST) as client:
            assert (await client.get("/inbox/healthz")).status_code == 200
        await shop.clock.asleep()
        await hold(app.state.site, after.approve(by="ann"), title="Refund", tenant="default", typed={})
        assert (await hitl.request(before.id)).state is RequestState.OPEN
        shop.clock.advance(UNDO)
        await shop.clock.asleep()
        states = [(await hitl.request(each.id)).state for each in (before, after)]
        assert states == [RequestState.DECIDED] * 2
        giving = app.state.giving._task
    await asyncio.wait((giving,))
    assert giving.cancelled()


async def test_after_that_one_may_say_something_else_and_the_same(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form("approve")
    for _ in range(2):
        page = await desk.browser.send(form)
        await desk.browser.send(page.form(action="/undo"))
    await desk.browser.send(form)
    assert await desk.give() == 1
    assert (await desk.hitl.request(request.id)).state is RequestState.DECIDED


async def test_what_was_given_is_not_taken_back(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.decide(request, "approve")
    undo = page.form(action="/undo")
    await desk.give()
    late = await desk.browser.send(undo)
    assert late.status == 409
    assert "it is too late" in late.text
    assert (await desk.hitl.request(request.id)).state is RequestState.DECIDED


async def test_nobody_takes_back_what_another_person_has_said(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.decide(request, "approve")
    desk.come("bea")
    undo = page.form(action="/undo")
    undo.fields["csrf"] = "csrf-of-bea"
    assert (await desk.browser.send(undo)).status == 409
    assert await desk.give() == 1


async def test_sent_twice_it_is_one_answer(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form("approve")
    for _ in range(3):
        assert (await desk.browser.send(form)).status == 200
    assert await desk.give() == 1
    assert (await desk.browser.send(form)).status == 200
    assert await desk.give() == 0
    await desk.done(request)
    assert desk.shop.ledger.count("refund") == 1


async def test_while_one_answer_is_held_there_is_no_other(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.open(request)
    await desk.browser.send(page.form("approve"))
    other = await desk.browser.send(page.form("reject"), message="no")
    assert other.status == 409
    assert "you have approved this a moment ago" in other.text
    assert other.form("reject").fields["message"] == "no"
    shown = await desk.open(request)
    assert all("disabled" in button for form in shown.forms if form.decision == "approve" for button in form.buttons)


async def test_who_comes_second_is_told_who_was_first_and_keeps_what_they_typed(desk: Desk) -> None:
    request = await desk.ask()
    await desk.decide(request, "reject", message="a long explanation")
    await desk.hitl.respond(request.approve(by="bea"))
    await desk.give()
    queue = await desk.browser.open("/")
    assert "was not taken" in queue.text
    page = await desk.open(request)
    assert "Your answer was not taken" in page.text
    assert "bea has approved this" in page.text
    settled = await desk.hitl.request(request.id)
    assert settled.response is not None
    assert settled.response.responder.id == "bea"
    gone = await desk.browser.send(queue.form(action="/seen"))
    assert "was not taken" not in gone.text


async def test_who_decides_what_is_decided_is_told_at_once(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form("approve")
    await desk.hitl.respond(request.reject("no", by="bea"))
    page = await desk.browser.send(form)
    assert page.status == 409
    assert "bea has rejected this before; your answer was not taken" in page.text


async def test_the_page_says_how_it_stands_only_when_that_has_changed(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.open(request)
    (news,) = [each for each in page.having("hx-get") if "/status" in each]
    assert (await desk.browser.client.get(news)).status_code == 204
    await desk.hitl.respond(request.approve(by="bea"))
    changed = await desk.browser.open(news)
    assert changed.status == 200
    assert "bea has approved this" in changed.text
    assert any("data-over" in has for _, has in changed.tags)
    assert not changed.forms, "nothing that somebody types in is replaced"


@pytest.mark.parametrize("typed", [{"key": "k" * 257}, {"digest": "d" * 257}])
async def test_a_form_that_nobody_wrote_keeps_no_other_answer_back(desk: Desk, typed: dict[str, str]) -> None:
    request, other = await desk.ask(), await desk.ask()
    form = (await desk.open(request)).form("approve")
    assert (await desk.browser.send(form, **typed)).status == 422
    desk.come("bea")
    assert (await desk.decide(other, "approve")).status == 200
    assert await desk.give() == 1
    assert (await desk.hitl.request(other.id)).state is RequestState.DECIDED
    assert (await desk.hitl.request(request.id)).state is RequestState.OPEN


async def test_an_answer_that_cannot_be_read_keeps_no_other_back(desk: Desk) -> None:
    request, other = await desk.ask(), await desk.ask()
    await desk.decide(request, "approve")
    (slip,) = (await desk.hitl.store.fetch(ListSlips(SlipKind.HELD, desk.shop.clock.now()))).items
    broken: dict[str, Json] = {**slip.body, "response": {"made": "by another release"}}
    await desk.hitl.store.apply(ChangeSlip(SlipKind.HELD, slip.key, desk.shop.clock.now(), body=broken))
    desk.come("bea")
    await desk.decide(other, "approve")
    assert await desk.give() == 2
    assert (await desk.hitl.request(other.id)).state is RequestState.DECIDED
    assert (await desk.hitl.request(request.id)).state is RequestState.OPEN


async def held(shop: Shop) -> tuple[Response, Site]:
    """An answer that is held in the store of a shop, by a process that is gone then."""
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        response = request.approve(by="ann", idempotency_key="once")
        site = Site(hitl, Serving(undo=5.0))
        await hold(site, response, title="Refund", tenant="default", typed={})
        return response, site


async def test_another_process_gives_what_one_has_held_and_gives_it_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    response, _ = await held(shop)
    shop.clock.advance(60)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        site = Site(hitl, Serving())
        assert [await give_held(site), await give_held(site)] == [1, 0]
        await hitl.resume((await hitl.request(response.request_id)).request.run_id)
    assert shop.ledger.count("refund") == 1


async def test_killed_between_taking_and_giving_it_comes_up_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    response, _ = await held(shop)
    shop.clock.advance(6)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        now = shop.clock.now()
        taken = await hitl.store.apply(TakeSlips(SlipKind.HELD, shop.clock.now().replace(second=59), now))
        assert len(taken) == 1
        assert await give_held(Site(hitl, Serving())) == 0, "it is somebody's now"
        shop.clock.advance(120)
        assert await give_held(Site(hitl, Serving())) == 1
        assert (await hitl.request(response.request_id)).state is RequestState.DECIDED


async def test_killed_between_giving_and_writing_that_down_it_is_given_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    response, _ = await held(shop)
    shop.clock.advance(6)

    class Dies:
        """A store whose process dies when it is to write what came of an answer."""

        def __init__(self, inner: object) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        async def apply(self, command: object) -> object:
            if type(command).__name__ == "ChangeSlip":
                raise Crash
            return await self.inner.apply(command)  # type: ignore[attr-defined]  # a store

    async with shop.open(one_refund(shop.ledger), wrap=Dies) as hitl:  # type: ignore[arg-type]  # as far as it is used
        with pytest.raises(Crash):
            await give_held(Site(hitl, Serving()))
    shop.clock.advance(120)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert await give_held(Site(hitl, Serving())) == 1
        await hitl.resume((await hitl.request(response.request_id)).request.run_id)
        assert await give_held(Site(hitl, Serving())) == 0
    assert shop.ledger.count("refund") == 1
    assert (await shop.verified()).exit_code == 0


async def test_while_the_store_is_away_it_stays_held(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    response, _ = await held(shop)
    shop.clock.advance(6)

    class Away:
        """A store that takes no answers for now."""

        def __init__(self, inner: object) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        async def apply(self, command: object) -> object:
            if type(command).__name__ == "RecordResponse":
                raise StoreUnavailable("the disk is full")
            return await self.inner.apply(command)  # type: ignore[attr-defined]  # a store

    async with shop.open(one_refund(shop.ledger), wrap=Away) as hitl:  # type: ignore[arg-type]  # as far as it is used
        with pytest.raises(StoreUnavailable):
            await give_held(Site(hitl, Serving()))
    shop.clock.advance(120)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert await give_held(Site(hitl, Serving())) == 1
        assert (await hitl.request(response.request_id)).state is RequestState.DECIDED


BROKEN: dict[str, dict[str, Json]] = {
    "no answer": {"response": None},
    "an answer of another kind": {"response": {"request_id": "x", "decision": {"type": "launch"}}},
    "no time": {"due": "soon"},
    "no title": {"title": None, "response": {}},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_one_that_cannot_be_read_is_not_given_and_keeps_no_other_back(
    desk: Desk, broken: dict[str, Json], caplog: pytest.LogCaptureFixture
) -> None:
    """It is reported, and whoever gave it can answer again; pages go on as if there was none."""
    first, other = await desk.ask(), await desk.ask()
    for request in (first, other):
        await desk.decide(request, "approve")
    (slip,) = (await desk.hitl.store.fetch(_of(desk, first))).items
    change = ChangeSlip(SlipKind.HELD, slip.key, desk.shop.clock.now(), body={**slip.body, **broken})
    assert await desk.hitl.store.apply(change) is not None
    assert (await desk.browser.open("/")).status == 200
    assert (await desk.open(first)).status == 200
    assert await desk.give() == 2
    assert (await desk.hitl.request(first.id)).state is RequestState.OPEN
    assert (await desk.hitl.request(other.id)).state is RequestState.DECIDED
    assert desk.shop.ledger.count() == 0, "nobody has gone on with a run yet"
    (line,) = [each for each in await trail(desk.hitl) if each.event == "request.refused"]
    assert (line.subject, line.actor, "cannot be read" in line.body) == (first.id, "ann", True)
    assert "cannot be read" in caplog.text
    await desk.decide(first, "reject", message="no")
    assert await desk.give() == 1
    assert (await desk.hitl.request(first.id)).state is RequestState.DECIDED


async def test_nothing_of_the_session_is_kept_with_it(desk: Desk) -> None:
    """What was typed is kept, so that it is not lost; what says that the form was meant is the session's."""
    request = await desk.ask()
    await desk.decide(request, "reject", message="a lamp")
    (slip,) = (await desk.hitl.store.fetch(_of(desk, request))).items
    assert "a lamp" in str(slip.body["typed"])
    assert "csrf" not in str(slip.body)


async def test_one_that_is_of_somebody_else_is_not_given(desk: Desk) -> None:
    """Its row says whose it is and what it is about; an answer that says otherwise is not what was held."""
    request = await desk.ask()
    await desk.decide(request, "approve")
    (slip,) = (await desk.hitl.store.fetch(_of(desk, request))).items
    said = Response.model_validate(slip.body["response"])
    as_bob = said.model_copy(update={"responder": said.responder.model_copy(update={"id": "bob"})})
    body: dict[str, Json] = {**slip.body, "response": as_bob.model_dump(mode="json")}
    await desk.hitl.store.apply(ChangeSlip(SlipKind.HELD, slip.key, desk.shop.clock.now(), body=body))
    await desk.give()
    assert (await desk.hitl.request(request.id)).state is RequestState.OPEN


async def test_one_whose_row_is_damaged_is_not_given_and_keeps_no_other_back(desk: Desk) -> None:
    first, other = await desk.ask(), await desk.ask()
    for request in (first, other):
        await desk.decide(request, "approve")
    with closing(sqlite3.connect(desk.shop.folder / "shop.db")) as database:
        where = "key = (SELECT body FROM hitl_slips WHERE subject = ?)"
        changed = database.execute(f"UPDATE hitl_bodies SET data = x'00' WHERE {where}", (first.id,))
        assert changed.rowcount == 1
        database.commit()
    assert (await desk.browser.open("/")).status == 200
    assert (await desk.open(first)).status == 200
    await desk.give()
    assert (await desk.hitl.request(first.id)).state is RequestState.OPEN
    assert (await desk.hitl.request(other.id)).state is RequestState.DECIDED
    await desk.hitl.tick()
    assert [each.event for each in await trail(desk.hitl) if each.event == "row.damaged"] == ["row.damaged"]


def _of(desk: Desk, request: PauseRequest) -> ListSlips:
    return ListSlips(SlipKind.HELD, desk.shop.clock.now(), subject=request.id)
