"""A shared draft: versions, what each changed, and who was faster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.core.shop import one_refund, policy, rule
from tests.server.pages.desk import Desk, at_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    shared = policy(rule("together", level="collaborate"))
    async with at_desk(tmp_path, one_refund, policy=shared) as opened:
        yield opened


async def test_a_change_is_the_next_version_and_decides_nothing(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.open(request)
    form = page.form(action="/draft")
    saved = await desk.browser.send(form, **{"arguments/amount": "90", "note": "cheaper"})
    assert "Version 2 by ann" in saved.text
    assert "cheaper" in saved.text
    assert "Accept version 2" in saved.text
    versions = await desk.hitl.draft(request.id)
    assert [each.arguments["amount"] for each in versions] == [120.5, 90]
    assert await desk.give() == 0


async def test_the_version_that_was_shown_is_accepted_and_runs(desk: Desk) -> None:
    request = await desk.ask()
    await desk.browser.send((await desk.open(request)).form(action="/draft"), **{"arguments/amount": "90"})
    await desk.decide(request, "accept")
    await desk.done(request)
    assert [line["amount"] for line in desk.shop.ledger.lines("refund")] == [90]


async def test_a_version_that_somebody_has_gone_beyond_is_not_accepted(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.open(request)
    await desk.hitl.change_draft(request.id, {"order": "A-1042", "amount": 80}, base=1, by="bea")
    await desk.browser.send(page.form("accept"))
    await desk.give()
    await desk.hitl.resume(request.run_id)
    assert desk.shop.ledger.count() == 0
    assert "Your answer was not taken" in (await desk.open(request)).text


async def test_who_comes_second_sees_both_and_loses_nothing(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form(action="/draft")
    await desk.hitl.change_draft(request.id, {"order": "A-1042", "amount": 80}, base=1, by="bea")
    page = await desk.browser.send(form, **{"arguments/amount": "90"})
    assert page.status == 409
    assert "Somebody was faster" in page.text
    again = page.form(action="/draft")
    assert (again.fields["arguments/amount"], again.fields["base"]) == ("90", "2")
    saved = await desk.browser.send(again)
    assert "Version 3 by ann" in saved.text


async def test_a_fault_in_a_draft_is_beside_its_field(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.browser.send((await desk.open(request)).form(action="/draft"), **{"arguments/amount": "much"})
    assert page.status == 422
    assert page.form(action="/draft").fields["arguments/amount"] == "much"
