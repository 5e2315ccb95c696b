"""Several people, several requests: who is second sees what the first has done, and loses nothing of their own."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from hitl_core.commands import StopScope
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import RunState
from tests.core.shop import policy, rule

from . import stories
from .conftest import Opened
from .walks import SHARED, click, press

CONFIRM = policy(rule("refunds", level="confirm", batch=True))
SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])


async def test_who_is_second_sees_the_decision_at_once_and_keeps_what_they_were_typing(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        first, second = await served.visit("ann"), await served.visit("bea")
        for page in (first, second):
            await page.goto(f"/requests/{request.id}")
        await press(second, "r", "=I am not sure about")
        await press(first, "a")
        await expect(first).to_have_url(f"{served.url}/")
        await expect(second.get_by_role("alert")).to_contain_text("ann has approved this")
        await expect(second.get_by_label("Why", exact=True).locator("visible=true")).to_have_value(
            "I am not sure about"
        )
        await expect(second.get_by_role("button", name="Reject it")).to_be_disabled()
        await served.done(request)
        settled = await served.hitl.request(request.id)
        assert settled.response is not None
        assert settled.response.responder.id == "ann"
        assert served.shop.ledger.count("refund") == 1


async def test_of_two_who_decide_at_once_the_first_wins_and_the_second_is_told(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        first = await served.visit("ann", java_script_enabled=False)
        second = await served.visit("bea", java_script_enabled=False)
        for page in (first, second):
            await page.goto(f"/requests/{request.id}")
        await click(second, ("Reject…",), ("Why", "a mistake"))
        await click(first, ("Approve as shown",))
        await served.decided(request)
        served.allow(409)
        await click(second, ("Reject it",))
        await expect(second.get_by_role("alert")).to_contain_text("ann")
        await served.hitl.resume(request.run_id)
        assert served.shop.ledger.count("refund") == 1
        assert [vote.responder.id for vote in (await served.hitl.request(request.id)).votes] in ([], ["ann"])


async def test_the_queue_of_another_shows_it_no_more(inbox: Opened) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        first, second = await served.visit("ann"), await served.visit("bea")
        await expect(second.locator("[data-open]")).to_have_count(1)
        await first.goto(f"/requests/{request.id}")
        await press(first, "a")
        await expect(second.locator("[data-open]")).to_have_count(0)
        await served.ask({"order": "A-2"})
        await expect(second.locator("[data-open]")).to_contain_text("A-2")


@SCRIPT
async def test_a_slip_is_taken_back_and_nothing_has_happened(inbox: Opened, script: bool) -> None:
    async with inbox(stories.refunds, undo=60) as served:
        request = await served.ask()
        page = await served.visit(java_script_enabled=script)
        await page.goto(f"/requests/{request.id}")
        await (press(page, "a") if script else click(page, ("Approve as shown",)))
        await expect(page.locator(".js #queue" if script else "#queue")).to_contain_text("You have approved")
        await (press(page, "u") if script else click(page, ("Undo",)))
        await expect(page.locator("article.request h1")).to_have_text(request.title)
        settled = await served.hitl.request(request.id)
        assert (settled.state, settled.response) == (RequestState.OPEN, None)
        assert served.shop.ledger.count() == 0
        await click(page, ("Reject…",), ("Why", "it was a slip"), ("Reject it",))
        await expect(page.locator("#queue")).to_contain_text("You have rejected")


@SCRIPT
async def test_many_are_decided_together_but_for_the_exceptions(inbox: Opened, script: bool) -> None:
    async with inbox(stories.small_refunds, policy=CONFIRM) as served:
        asked = [await served.ask({"order": f"A-{number}", "amount": 10.0 * number}) for number in range(1, 5)]
        page = await served.visit(java_script_enabled=script)
        for request in asked:
            await page.locator(f"input[value='{request.id}']").check()
        await click(page, ("Decide the chosen ones together…",))
        await page.locator(f"[name='say:{asked[1].id}']").select_option("reject")
        await page.locator(f"[name='say:{asked[2].id}']").select_option("out")
        await page.get_by_label("Why, where they are rejected").fill("not this one")
        await click(page, ("Approve all but the exceptions",))
        await expect(page.get_by_role("heading", level=1)).to_have_text("3 of 3 answers were taken")
        settled = [await served.hitl.request(each.id) for each in asked]
        said = [each.response and each.response.decision.type for each in settled]
        assert said == ["approve", "reject", None, "approve"]
        for each in asked:
            await served.hitl.resume(each.run_id)
        assert [line["order"] for line in served.shop.ledger.lines("refund")] == ["A-1", "A-4"]


async def test_two_people_make_versions_of_a_draft_and_the_one_that_is_shown_runs(inbox: Opened) -> None:
    async with inbox(stories.refunds, policy=SHARED) as served:
        request = await served.ask()
        ann, bea = await served.visit("ann"), await served.visit("bea")
        for page in (ann, bea):
            await page.goto(f"/requests/{request.id}")
        await change(bea, "80", "less")
        await expect(bea.locator(".versions")).to_contain_text("Version 2 by bea")
        await expect(ann.locator("#status [role=alert]")).to_contain_text("Something was said or changed here")
        served.allow(409)
        await change(ann, "90", "a bit more")
        await expect(ann.locator("#draft")).to_contain_text("Somebody was faster")
        await expect(ann.get_by_label("amount number", exact=True)).to_have_value("90")
        await click(ann, ("Save as version 3",))
        await expect(ann.locator(".versions")).to_contain_text("Version 3 by ann")
        await ann.get_by_role("button", name="Accept version 3").click()
        await expect(ann).to_have_url(f"{served.url}/")
        await served.done(request)
        made = await served.hitl.draft(request.id)
        assert [(each.by and each.by.id, each.arguments["amount"]) for each in made] == [
            (None, 120.5),
            ("bea", 80),
            ("ann", 90),
        ]
        assert [line["amount"] for line in served.shop.ledger.lines("refund")] == [90]


async def change(page: Page, amount: str, note: str) -> None:
    await click(page, ("Change it",), ("amount number", amount), ("What you changed optional", note))
    await page.get_by_role("button", name="Save as version").click()


@SCRIPT
async def test_a_stop_holds_what_waits_and_another_step_lifts_it(inbox: Opened, script: bool) -> None:
    async with inbox(stories.refunds) as served:
        request = await served.ask()
        page = await served.visit(java_script_enabled=script)
        watching = await served.visit("bea")
        await watching.goto(f"/requests/{request.id}")
        await page.goto(f"/stops?scope=run&target={request.run_id}#stop")
        await page.get_by_label("Reason").locator("visible=true").fill("It pays twice.")
        await page.get_by_role("button", name="Stop", exact=False).filter(visible=True).last.click()
        await expect(page.locator("main")).to_contain_text("The stop is in force")
        (stop,) = await served.hitl.stops()
        assert (stop.scope, stop.target, stop.by, stop.reason) == (
            StopScope.RUN,
            request.run_id,
            "ann",
            "It pays twice.",
        )
        assert (await served.hitl.request(request.id)).state is RequestState.FROZEN
        await expect(watching.locator("#status")).to_contain_text("A stop holds this")
        await page.locator("summary", has_text="Lift it").click()
        await page.get_by_label("Reason").locator("visible=true").first.fill("The agent is mended.")
        await page.get_by_role("button", name="Lift the stop").click()
        await expect(page.locator("#in-force")).to_contain_text("Nothing is stopped")
        assert await served.hitl.stops() == ()
        await watching.goto(f"/requests/{request.id}")
        await press(watching, "a")
        run = await served.done(request)
        assert (run.state, served.shop.ledger.count("refund")) == (RunState.COMPLETED, 1)
