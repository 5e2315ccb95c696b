"""What a test does with a section of the page `cases`, and what it holds against the ledger."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Locator, Page, expect

from hitl_core.protocol import Run
from hitl_core.runtime import Runtime
from tests.copilotkit.studio import Studio


class Case:
    """One section of the page `cases`."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.section = page.locator(f'[data-case="{name}"]')

    async def say(self, text: str) -> None:
        await self.section.get_by_role("button", name=text, exact=True).click()

    def card(self, kind: str = "") -> Locator:
        return self.section.locator(f'.card[data-kind="{kind}"]' if kind else ".card")

    async def click(self, name: str, *, of: Locator | None = None) -> None:
        await (of or self.section).get_by_role("button", name=name, exact=True).first.click()

    async def reads(self, text: str) -> None:
        await expect(self.section.locator(".messages")).to_contain_text(text)

    async def asks_nothing(self) -> None:
        await expect(self.card()).to_have_count(0)


class Counted:
    """The effects since now: one server serves many tests."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._before = studio, len(studio.effects)

    @property
    def new(self) -> list[Any]:
        return [each["arguments"] for each in self._studio.effects[self._before :]]


def address_of(page: Page, studio: Studio) -> str:
    """What a second browser opens to be in the same conversations."""
    return page.url.removeprefix(f"{studio.url}/")


async def run_behind(hitl: Runtime, page: Page, case: str) -> Run:
    """The one run of a section's conversation."""
    (thread,) = parse_qs(urlsplit(page.url).query)[case]
    (run,) = (await hitl.runs(thread=thread)).items
    return await hitl.run(run.id)
