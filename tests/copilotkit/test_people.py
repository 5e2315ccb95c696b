"""Several people and one conversation: in two browsers, in the web inbox, with a right and without one."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser, Route, expect

from hitl_core import connect
from tests.copilotkit.cases import Case, Counted, address_of, run_behind
from tests.copilotkit.conftest import Open, on_one_backend, open_page
from tests.copilotkit.studio import Studio
from tests.copilotkit.web_inbox import web_inbox

BOTH = [{"version": "4.2"}, {"version": "4.4", "share": 50}]


def sorted_by_version(arguments: list[dict[str, object]]) -> list[dict[str, object]]:
    """Frameworks begin calls of one turn in any order."""
    return sorted(arguments, key=lambda each: str(each["version"]))


async def test_an_answer_in_the_web_inbox_appears_while_the_page_is_open(
    studio: Studio, opened: Open, browser: Browser
) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _), web_inbox(browser, studio, "bob") as inbox:
        case = Case(page, "named")
        await case.say("publish")
        await expect(case.card("approval")).to_have_count(1)
        (request,) = (await run_behind(inbox.hitl, page, "named")).pending
        await inbox.look_at(request.id)
        await inbox.page.get_by_role("button", name="Approve as shown").click()
        await case.reads("Version 4.2 is out for 10 %")
        await case.asks_nothing()
        assert effects.new == [{"version": "4.2", "share": 10}]
        await case.say("channel")
        await case.click("On the site")
        await case.reads("Announced:")
        await case.asks_nothing()


@on_one_backend
async def test_an_answer_in_the_web_inbox_appears_in_the_chat(studio: Studio, opened: Open, browser: Browser) -> None:
    effects = Counted(studio)
    async with opened("#chat") as (page, _), web_inbox(browser, studio, "bob") as inbox:
        await page.get_by_role("button", name="publish", exact=True).click()
        await expect(page.locator(".card")).to_have_count(1)
        (request,) = (await run_behind(inbox.hitl, page, "thread")).pending
        await inbox.look_at(request.id)
        await inbox.page.get_by_role("button", name="Approve as shown").click()
        await expect(page.locator("main")).to_contain_text("Version 4.2 is out for 10 %")
        await expect(page.locator(".card")).to_have_count(0)
    assert effects.new == [{"version": "4.2", "share": 10}]


@on_one_backend
async def test_what_is_decided_before_a_page_hears_of_changes_is_shown(studio: Studio, opened: Open) -> None:
    async with opened("#cases") as (first, _):
        await Case(first, "named").say("publish")
        await expect(Case(first, "named").card("approval")).to_have_count(1)
        async with opened(address_of(first, studio)) as (page, _):
            heard = asyncio.Event()

            async def later(route: Route) -> None:
                await heard.wait()
                await route.continue_()

            await page.route("**/changes?**", later)
            await page.reload()
            await expect(Case(page, "named").card("approval")).to_have_count(1)
            async with connect(studio.config) as hitl:
                (request,) = (await run_behind(hitl, first, "named")).pending
                await hitl.respond(request.reject("not today", by="bob"))
            await Case(first, "named").reads("not today")
            heard.set()
            await Case(page, "named").reads("not today")
            await Case(page, "named").asks_nothing()


async def test_two_people_answer_each_their_part(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        ann = Case(page, "several")
        await ann.say("replace")
        await expect(ann.card("approval")).to_have_count(1)
        await expect(ann.card("approval")).to_contain_text("Version 4.4")
        async with opened(address_of(page, studio), person="bob") as (second, _):
            bob = Case(second, "several")
            await expect(bob.card("approval")).to_have_count(2)
            await ann.click("Approve")
            await ann.reads("asked of others")
            await expect(bob.card("approval")).to_have_count(1)
            assert effects.new == []
            await bob.click("Approve")
            await bob.asks_nothing()
            await ann.reads("That is done")
            await ann.asks_nothing()
        await ann.reads("asked of others")
    assert sorted_by_version(effects.new) == BOTH


@on_one_backend
async def test_what_somebody_has_begun_outlives_that_another_answers(studio: Studio, opened: Open) -> None:
    """An answer that waits for a second one is sent when another person has given that; what is typed stays typed."""
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        ann = Case(page, "several")
        await ann.say("replace")
        await expect(ann.card("approval")).to_have_count(1)
        async with opened(address_of(page, studio), person="bob") as (second, _):
            bob = Case(second, "several")
            down = bob.card("approval").filter(has_text="Take a version down")
            words = down.get_by_label("Reason or question")
            await words.fill("half a thou")
            await expect(bob.card("approval")).to_have_count(2)
            await ann.click("Approve")
            await expect(bob.card("approval")).to_have_count(1)
            await expect(words).to_have_value("half a thou")
            await expect(words).to_be_focused()
            await bob.click("Reject", of=down)
            await bob.asks_nothing()
        await ann.reads("That is done")
        await ann.reads("half a thou")
        assert effects.new == [{"version": "4.4", "share": 50}]
        await ann.say("replace")
        await expect(ann.card("approval")).to_have_count(1)
        async with opened(address_of(page, studio), person="bob") as (second, _):
            bob = Case(second, "several")
            await expect(bob.card("approval")).to_have_count(2)
            await bob.click("Approve", of=bob.card("approval").filter(has_text="Take a version down"))
            await expect(bob.section.locator(".held")).to_contain_text("Take a version down")
            assert effects.new == [{"version": "4.4", "share": 50}]
            await ann.click("Approve")
            await bob.asks_nothing()
            await ann.reads("4.2 is off the site")
    assert sorted_by_version(effects.new) == [*BOTH, BOTH[1]]


@on_one_backend
async def test_who_may_not_decide_changes_nothing_by_a_click_and_can_go_on(studio: Studio, opened: Open) -> None:
    """In another tab of Bob's browser somebody else signs in: the card is still there, the right is not."""
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        ann = Case(page, "several")
        await ann.say("replace")
        await ann.click("Approve")
        await ann.reads("asked of others")
        async with opened(address_of(page, studio), person="bob", deaf=True) as (second, _):
            somebody = Case(second, "several")
            await expect(somebody.card("approval")).to_have_count(1)
            await second.context.add_cookies([{"name": "person", "value": "ann", "url": studio.url}])
            await somebody.click("Approve")
            await somebody.reads("asked of others")
            await somebody.asks_nothing()
            assert effects.new == []
            other = Case(second, "named")
            await other.say("channel")
            await other.click("Nowhere")
            await other.asks_nothing()
        async with opened(address_of(page, studio), person="bob") as (second, _):
            await Case(second, "several").click("Reject")
        await ann.reads("That is done")
        await ann.asks_nothing()
    assert effects.new == [{"version": "4.4", "share": 50}]


@on_one_backend
async def test_of_two_who_click_at_once_one_wins_and_the_other_is_told(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases", deaf=True) as (page, _):
        ann = Case(page, "named")
        await ann.say("publish")
        await expect(ann.card("approval")).to_have_count(1)
        async with opened(address_of(page, studio), person="bob", deaf=True) as (second, _):
            bob = Case(second, "named")
            await expect(bob.card("approval")).to_have_count(1)
            await asyncio.gather(ann.click("Approve"), bob.click("Reject"))
            await ann.asks_nothing()
            await bob.asks_nothing()
            loser = bob if effects.new else ann
            await loser.reads("your answer has changed nothing")
            await ann.say("channel")
            await expect(ann.card("choice")).to_have_count(1)
            goes_on = Case(second, "either")
            await goes_on.say("headline")
            await expect(goes_on.card("input")).to_have_count(1)
    assert effects.new in ([], [{"version": "4.2", "share": 10}])


async def test_a_person_takes_the_conversation_and_hands_it_back(attended: Studio, browser: Browser) -> None:
    """Not in every framework is there a place for one; what the card sends is the same in all that have it."""
    async with open_page(browser, attended, "#cases") as (page, _):
        user = Case(page, "person")
        await user.say("a person")
        async with open_page(browser, attended, address_of(page, attended), person="bob") as (second, _):
            bob = Case(second, "person")
            await expect(bob.card("handoff")).to_contain_text("user: a person")
            await bob.section.get_by_label("Say").fill("This is Bob. What is it?")
            await second.keyboard.press("Enter")
            await expect(bob.card("handoff")).to_contain_text("This is Bob. What is it?")
            await expect(bob.section.get_by_role("button", name="Finish")).to_be_disabled()
            await bob.section.get_by_label("Say").fill("The agent can do that.")
            await bob.click("Hand back")
            await bob.asks_nothing()
        await user.reads("This is Bob. What is it?")
        await user.reads("The agent can do that.")
        await user.reads("Welcome back")
        await user.asks_nothing()
        async with connect(attended.config) as hitl:
            said = (await hitl.transcript((await run_behind(hitl, page, "person")).thread)).items
    assert [each.text for each in said if each.text and not each.call] == [
        "a person",
        "[bob] This is Bob. What is it?",
        "[bob] The agent can do that.",
        "Welcome back. I publish, ask, and make appointments.",
    ]
