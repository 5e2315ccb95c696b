"""axe, by which pages are held against WCAG 2.2 AA. It comes with a package of the lane and is no part of ours."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from playwright.async_api import Page

LEVELS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN: Final = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"


@cache
def script() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


async def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds on a page, one line for each element; by all rules of the levels, or by these alone."""
    await page.evaluate(script())
    found: Any = await page.evaluate(_RUN, list(rules) or LEVELS)
    assert found["testEngine"]["name"] == "axe-core"
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:160]} ({' '.join(node['failureSummary'].split())})"
        for each in found["violations"]
        for node in each["nodes"]
    ]
