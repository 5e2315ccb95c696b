"""Text from agents, models and people is text: it forges no part of a page, hides nothing and reorders nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.channels.plain_text import visible
from hitl_core.protocol import Preview
from hitl_core.server.pages import filters
from tests.core.shop import App, Ledger
from tests.server.pages.browser import Page
from tests.server.pages.desk import Desk, at_desk

HOSTILE = [
    "</textarea></form><form action=//evil.test><button>Approve</button>",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\" autofocus onfocus=alert(1) x='",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "javascript:alert(1)",
    "pay \u202e00.1\u202c EUR\u2066\u200b\u00ad\x1b[2J\x00\x85",
    "\n\nDecide as ann\nApprove as shown",
    "&lt;b&gt;&#x202e;",
]
SEEN_BY_NOBODY = re.compile("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u00ad\x00\x1b\x85]")


def hostile(ledger: Ledger) -> App:
    def shown(arguments: dict[str, Any]) -> Preview:
        text = arguments["text"]
        return Preview(
            effect=text, target=text, affects=text, leaves=text, cost=text, diff=f"- {text}\n+ {text}", warnings=(text,)
        )

    @gate.guard(preview=shown, reversible=True)
    async def write(text: str, more: dict[str, Any]) -> str:
        return "written"

    async def app(input: Any) -> Any:
        return await write(input, {input: [input]})

    return app


async def pages(desk: Desk, text: str) -> list[Page]:
    request = await desk.ask(text, by="<b>bob</b>")
    await desk.hitl.comment(request.id, text, by="bea")
    await desk.hitl.comment(request.id, text, by="model", machine=True)
    one = await desk.open(request)
    refused = await desk.browser.send(one.form("edit"), reason=text, **{"arguments/more": text + "{"})
    listed = await desk.browser.open("/?group=run")
    asked = {"csrf": "csrf-of-ann", "pick": request.id}
    batch = Page(await desk.browser.client.post("/batch", data=asked))
    found = Page(await desk.browser.client.get("/", params={"q": text, "tool": text, "agent": text, "rule": text}))
    return [one, refused, listed, batch, found]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_text_stays_text_on_every_page(tmp_path: Path, text: str) -> None:
    async with at_desk(tmp_path, hostile) as desk:
        for page in await pages(desk, text):
            attributes = [name for _, has in page.tags for name in has]
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert len([tag for tag, _ in page.tags if tag == "script"]) in (0, 3)
            assert all(form.action.startswith("/") for form in page.forms)
            assert all(href.startswith(("/", "#")) for href in page.having("href"))
            assert not SEEN_BY_NOBODY.search(page.html), "what cannot be seen is written out"
            assert "49" not in re.findall(r"\b49\b", page.text)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_nothing_of_it_is_left_away_and_untouched_it_runs_as_it_was(tmp_path: Path, text: str) -> None:
    async with at_desk(tmp_path, hostile) as desk:
        request = await desk.ask(text)
        page = await desk.open(request)
        whole = "".join(visible(text, lines=True).split())
        assert whole in "".join(page.text.split())
        form = page.form("edit")
        form.action = f"/requests/{request.id}/preview"
        said = await desk.browser.send(form)
        assert "nothing was changed" in said.text


async def test_long_text_is_folded_and_says_how_long_it_is(tmp_path: Path) -> None:
    async with at_desk(tmp_path, hostile) as desk:
        page = await desk.open(await desk.ask("word " * 2_000))
        assert "show all 10,000 characters" in page.text


async def test_what_agents_say_stands_apart(tmp_path: Path) -> None:
    async with at_desk(tmp_path, hostile) as desk:
        request = await desk.ask("x")
        await desk.hitl.comment(request.id, "trust me", by="model", machine=True)
        page = await desk.open(request)
        assert re.search(
            r'<div class="prose" role="group" aria-label="What model says, unverified">.*?trust me', page.html, re.S
        )


def test_code_in_a_sentence_is_marked_and_hides_nothing() -> None:
    assert str(filters.coded("say `a<b` there")) == "say <code>a&lt;b</code> there"
    assert str(filters.coded("one ` alone")) == "one ` alone"
