"""What people type into a card is what happens, with its types; and everybody can use it: by keys, on a phone."""

from __future__ import annotations

from playwright.async_api import ViewportSize, expect

from hitl_core import connect
from tests.browser.accessible import violations
from tests.copilotkit.cases import Case, Counted, address_of, run_behind
from tests.copilotkit.conftest import Open, on_one_backend
from tests.copilotkit.studio import Studio

PHONE: ViewportSize = {"width": 390, "height": 844}
EDITED = {
    "name": "Faster",
    "audience": {"country": "FR", "min_age": 18, "subscribers_only": True},
    "channels": ["mail", "print"],
    "steps": [{"after": 0, "text": "4.2 is out."}, {"after": 14, "text": "Have you tried it?"}],
    "budget": 1200.5,
    "starts": "2027-02-01",
    "note": "After the holidays",
}


async def test_a_form_of_groups_lists_and_choices_becomes_what_runs(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("campaign")
        card = case.card("approval")
        await case.click("Edit")
        audience = card.get_by_role("group", name="Audience")
        await audience.get_by_label("Country").select_option("FR")
        await audience.get_by_label("Min age years").fill("18")
        await audience.get_by_label("Subscribers only").check()
        await card.get_by_label("print").check()
        await case.click("Add to Steps")
        await case.click("Add to Steps")
        await case.click("Remove Steps 2")
        second = card.get_by_role("group", name="Steps 2")
        await second.get_by_label("After").fill("14")
        await second.get_by_label("Text").fill("Have you tried it?")
        await card.get_by_label("Budget EUR").fill("1200.5")
        await card.get_by_label("Starts").fill("2027-02-01")
        await card.get_by_label("Note").fill("After the holidays")
        await case.click("Approve as edited")
        await case.reads("The campaign Faster runs in FR with 1200.5 EUR.")
        await case.asks_nothing()
        assert effects.new == [EDITED]


@on_one_backend
async def test_a_draft_is_sent_back_until_it_is_good(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("campaign")
        await expect(case.card("approval")).to_contain_text("800 EUR")
        await expect(case.section.get_by_role("button", name="Send back")).to_be_disabled()
        await case.card("approval").get_by_label("what to change").fill("half the budget")
        await case.click("Send back")
        await expect(case.card("approval")).to_contain_text("400 EUR")
        assert effects.new == []
        await case.click("Approve")
        await case.reads("The campaign Faster runs in DE with 400 EUR.")
        (campaign,) = effects.new
        assert campaign["budget"] == 400


@on_one_backend
async def test_a_version_that_somebody_else_has_made_is_shown_before_it_is_taken(studio: Studio, opened: Open) -> None:
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "named")
        await case.say("campaign")
        await expect(case.card("approval")).to_contain_text("800 EUR")
        async with connect(studio.config) as hitl:
            (request,) = (await run_behind(hitl, page, "named")).pending
            changed = request.action.arguments | {"budget": 650.0}
            await hitl.change_draft(request.id, changed, base=1, by="bob", note="that will do")
        await case.click("Approve")
        await expect(case.section.get_by_role("alert")).to_contain_text("'bob' has made version 2")
        await expect(case.card("approval")).to_contain_text("Version 2, by bob: that will do")
        await expect(case.card("approval")).to_contain_text("650 EUR")
        assert effects.new == []
        await case.click("Accept version 2")
        await case.reads("The campaign Faster runs in DE with 650 EUR.")
        (campaign,) = effects.new
        assert campaign["budget"] == 650


@on_one_backend
async def test_by_keys_alone(studio: Studio, opened: Open) -> None:
    """Enter sends an answer and never lets an action run; Escape leaves an edit."""
    effects = Counted(studio)
    async with opened("#cases") as (page, _):
        case = Case(page, "either")
        await case.say("sequence")
        await case.section.get_by_label("Answer").press_sequentially("yes, today")
        await page.keyboard.press("Enter")
        await expect(case.card("approval")).to_contain_text("Version 5.0")
        edit = case.section.get_by_role("button", name="Edit")
        await edit.focus()
        await page.keyboard.press("Enter")
        share = case.card("approval").get_by_label("Share")
        await share.fill("30")
        await share.press("Enter")
        await expect(share).to_have_value("30")
        await share.press("Escape")
        await expect(share).to_have_count(0)
        await expect(edit).to_be_focused()
        assert effects.new == []
        await page.keyboard.press("Shift+Tab")
        await expect(case.section.get_by_role("button", name="Approve")).to_be_focused()
        await page.keyboard.press("Enter")
        await case.reads("Version 5.0 is out for 20 %")
    assert effects.new == [{"version": "5.0", "share": 20}]


@on_one_backend
async def test_the_pages_are_for_everybody(studio: Studio, opened: Open) -> None:
    """axe finds nothing, light and dark, and nothing is wider than a phone."""
    async with opened("#cases") as (page, _):
        for name, text in (("named", "campaign"), ("either", "headline"), ("slots", "slot"), ("headless", "publish")):
            await Case(page, name).say(text)
            await expect(Case(page, name).card()).to_have_count(1)
        await Case(page, "named").click("Edit")
        await page.set_viewport_size(PHONE)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await page.goto(f"{studio.url}/{address_of(page, studio).replace('#cases', '#inbox')}")
        await expect(page.locator("article .card").first).to_be_visible()
        assert await violations(page) == []
        await page.goto(f"{studio.url}/#chat")
        await page.get_by_role("button", name="publish", exact=True).click()
        await expect(page.locator(".card")).to_have_count(1)
        assert await violations(page) == []
