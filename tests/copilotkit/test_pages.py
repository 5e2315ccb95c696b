"""CopilotKit's pages in front of each backend: the ledger has what a click does, and the page can be used after it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from playwright.async_api import expect

from hitl_core import connect
from hitl_core.commands import ListRequests
from tests.copilotkit.cases import Case, Counted, address_of, run_behind
from tests.copilotkit.conftest import Open, on_one_backend
from tests.copilotkit.studio import Studio


async def test_an_approval_is_asked_and_a_yes_publishes_once(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("publish")
        await expect(case.card("approval")).to_contain_text("Version 4.2 goes out to 10 % of all readers")
        assert effects.new == []
        await case.click("Approve")
        await case.reads("Version 4.2 is out for 10 %")
        assert effects.new == [{"version": "4.2", "share": 10}]
        await case.asks_nothing()


async def test_an_edit_keeps_its_types_and_a_no_publishes_nothing(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("publish")
        await case.click("Edit")
        await case.card("approval").get_by_label("share").fill("25")
        await case.click("Approve as edited")
        await case.reads("25 %")
        assert effects.new == [{"version": "4.2", "share": 25}]
        await case.say("publish")
        await case.card("approval").get_by_label("Reason").fill("not today")
        await case.click("Reject")
        await case.reads("not today")
        assert effects.new == [{"version": "4.2", "share": 25}]


async def test_an_edit_that_does_not_fit_is_asked_again_with_its_reason(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("publish")
        await case.click("Edit")
        share = case.card("approval").get_by_label("share")
        await share.fill("400")
        await case.click("Approve as edited")
        await expect(case.section.get_by_role("alert")).to_contain_text("Not accepted")
        await expect(share).to_have_value("400")
        await share.fill("40")
        await case.click("Approve as edited")
        await case.reads("Version 4.2 is out for 40 %")
        assert effects.new == [{"version": "4.2", "share": 40}]


async def test_two_questions_at_once_are_answered_together(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("publish two")
        await expect(case.card("approval")).to_have_count(2)
        await case.click("Approve", of=case.card("approval").filter(has_text="4.3"))
        await case.click("Reject", of=case.card("approval").filter(has_text="4.2"))
        await case.reads("Version 4.3 is out for 100 %")
        await case.asks_nothing()
        assert effects.new == [{"version": "4.3", "share": 100}]


async def test_a_question_and_then_an_approval_each_find_their_own_hook(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "either")
        await case.say("sequence")
        question = case.section.locator('[data-hook="input"]')
        await question.get_by_label("Answer").fill("yes, today")
        await case.click("Send")
        await expect(case.section.locator('[data-hook="approval"]')).to_contain_text("Version 5.0")
        await case.click("Approve")
        await case.reads("Version 5.0 is out for 20 %")
        assert effects.new == [{"version": "5.0", "share": 20}]


async def test_a_card_that_is_dismissed_runs_nothing(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "either")
        await case.say("publish")
        await case.click("Dismiss")
        await case.reads("dismissed on the page")
        assert effects.new == []


async def test_the_handler_answers_by_itself_where_nobody_has_to_be_asked(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "access")
        await case.say("record of finance")
        await case.reads("The record of finance has 3 open invoices")
        await case.say("record of sales")
        await expect(case.card("access")).to_contain_text("The record of sales is not yours")
        await case.click("Request access")
        await case.reads("The record of sales has 3 open invoices")
        assert effects.new == [{"department": "finance"}, {"department": "sales"}]


async def test_a_tool_of_the_page_is_called_and_its_answer_reaches_the_model(studio: Studio, opened: Open) -> None:
    async with opened("#cases") as (page, _):
        case = Case(page, "slots")
        await case.say("slot")
        await page.get_by_role("button", name="Tuesday 14:00").first.click()
        await case.reads("Booked")
        await case.reads("Tuesday 14:00")


async def test_two_calls_of_one_tool_get_each_their_own_answer(studio: Studio, opened: Open) -> None:
    async with opened("#cases") as (page, _):
        case = Case(page, "slots")
        await case.say("two slots")
        for purpose, slot in (("the review", "Monday 10:00"), ("the party", "Friday 9:00")):
            await page.get_by_label(f"A time for {purpose}").get_by_role("button", name=slot).click()
        await case.reads("Booked")
        async with connect(studio.config) as hitl:
            run = await run_behind(hitl, page, "slots")
            asked = await hitl.store.fetch(ListRequests(states=(), run_id=run.id))
    decisions = {each.request.action.arguments["purpose"]: each.response for each in asked.items}
    given = {purpose: response.model_dump()["decision"]["value"] for purpose, response in decisions.items() if response}
    assert given == {"the review": {"slot": "Monday 10:00"}, "the party": {"slot": "Friday 9:00"}}


async def test_a_text_is_sent_back_and_then_accepted_as_edited(studio: Studio, opened: Open) -> None:
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("announcement")
        await expect(case.card("review")).to_contain_text("Version 4.2 is out. It is faster.")
        await case.card("review").get_by_label("What to change").fill("say how much faster")
        await case.click("Send back")
        await case.reads("say how much faster")
        await case.say("announcement")
        await case.click("Edit")
        await case.card("review").get_by_label("Text").fill("Version 4.2 is out. It is twice as fast.")
        await case.click("Accept as edited")
        await case.reads("The announcement:")
        await case.reads("It is twice as fast.")
        await case.asks_nothing()


async def test_one_route_for_all_calls_does_the_same(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("?single#cases") as (page, _):
        case = Case(page, "named")
        await case.say("publish")
        await expect(case.card("approval")).to_have_count(1)
        await page.reload()
        await case.click("Approve")
        await case.reads("Version 4.2 is out for 10 %")
        await case.asks_nothing()
    assert effects.new == [{"version": "4.2", "share": 10}]


async def test_without_a_hook_the_events_say_what_is_open(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "headless")
        await case.say("publish")
        await case.click("Approve")
        await case.reads("Version 4.2 is out for 10 %")
        assert effects.new == [{"version": "4.2", "share": 10}]


async def test_the_chat_asks_in_both_ways_and_goes_on(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#chat") as (page, _):
        await page.get_by_role("textbox").fill("publish")
        await page.keyboard.press("Enter")
        await page.locator(".card").get_by_role("button", name="Approve").click()
        await expect(page.locator("main")).to_contain_text("Version 4.2 is out for 10 %")
        await page.get_by_role("textbox").fill("slot")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Friday 9:00").click()
        await expect(page.locator("main")).to_contain_text("Booked")
        assert effects.new == [{"version": "4.2", "share": 10}]


async def test_a_pause_survives_a_reload_and_a_second_browser(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("publish")
        await expect(case.card("approval")).to_have_count(1)
        await page.reload()
        await expect(case.card("approval")).to_contain_text("Version 4.2")
        async with opened(address_of(page, studio)) as (second, _):
            other = Case(second, "named")
            await other.click("Approve")
            await other.reads("Version 4.2 is out for 10 %")
        await case.reads("Version 4.2 is out for 10 %")
        await case.asks_nothing()
    assert effects.new == [{"version": "4.2", "share": 10}]


async def test_the_server_may_die_between_the_question_and_the_click(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, watch):
        case = Case(page, "named")
        await case.say("publish")
        await expect(case.card("approval")).to_have_count(1)
        watch.away = True
        studio.kill()
        await asyncio.to_thread(studio.start)
        await case.click("Approve")
        await case.reads("Version 4.2 is out for 10 %")
    assert effects.new == [{"version": "4.2", "share": 10}]


@on_one_backend
async def test_a_click_that_does_not_arrive_is_asked_for_again(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, watch):
        case = Case(page, "named")
        await case.say("publish")
        watch.away = True
        await page.route("**/run", lambda route: route.abort(), times=1)
        await case.click("Approve")
        await case.asks_nothing()
        await case.click("Approve")
        await case.reads("Version 4.2 is out for 10 %")
    assert effects.new == [{"version": "4.2", "share": 10}]


async def test_a_stale_tab_changes_nothing_and_can_be_used_afterwards(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("publish")
        await expect(case.card("approval")).to_have_count(1)
        async with opened(address_of(page, studio), deaf=True) as (second, _):
            await expect(Case(second, "named").card("approval")).to_have_count(1)
            await case.click("Reject")
            await case.asks_nothing()
            await Case(second, "named").click("Approve")
            await Case(second, "named").reads("has changed nothing")
            await Case(second, "named").asks_nothing()
            await Case(second, "named").say("channel")
            await expect(Case(second, "named").card("choice")).to_have_count(1)
            await Case(second, "named").click("Nowhere")
    assert effects.new == []


async def test_a_run_that_no_page_has_started_is_answered_in_the_inbox(studio: Studio, opened: Open) -> None:
    effects, thread = Counted(studio), str(uuid4())
    async with opened("#inbox") as (page, _):
        async with connect(studio.config) as hitl:
            await asyncio.to_thread(_start_behind, studio, thread)
            assert (await hitl.inbox()).items
        await page.reload()
        article = page.locator(f'[data-thread="{thread}"]')
        await article.get_by_role("button", name="Approve").click()
        await expect(article.locator(".messages")).to_contain_text("Version 4.2 is out for 10 %")
    assert effects.new == [{"version": "4.2", "share": 10}]


def _start_behind(studio: Studio, thread: str) -> None:
    """As a background job would: through raw AG-UI, whose stream nobody looks at."""
    import httpx

    message = {"id": str(uuid4()), "role": "user", "content": "publish"}
    body = {"threadId": thread, "runId": "r", "messages": [message], "tools": [], "context": [], "state": {}}
    httpx.post(f"{studio.url}/agui/studio", json={**body, "forwardedProps": {}}, timeout=60).raise_for_status()
