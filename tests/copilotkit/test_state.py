"""The state of an app of one's own is told to its page as it changes, and to a page that was not there, as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_core import connect
from hitl_core.protocol import Role
from tests.agui.page import Page, served

CONFIG = """
[backend]
name = "{backend}"
app = "{app}"
{options}
[store]
url = "sqlite:///hitl.db"

[transcripts]
keep = true

[policy]
file = "policy.toml"
"""
POLICY = 'version = "1"\n[defaults]\napprovers = { allow_self = true }\n'
FLOW = """
from crewai.flow.flow import Flow, listen, start
from crewai.flow.human_feedback import human_feedback
from pydantic import BaseModel


class Kept(BaseModel):
    order: str = ""
    paid: bool = False


class Basket(Flow[Kept]):
    @start()
    def look(self):
        self.state.order = "A-1042"

    @human_feedback(message="Pay back?", emit=["approved", "rejected"], llm="no-such-model")
    @listen(look)
    def ask(self):
        return "pay"

    @listen("approved")
    def pay(self, result):
        self.state.paid = True
        return "paid"
"""
CODECS = '[backend.options.codecs]\npay = "boolean"\n'
BEFORE, AFTER = {"order": "A-1042"}, {"order": "A-1042", "paid": True}


@pytest.mark.parametrize(
    ("backend", "app", "options"),
    [("langgraph", "tests.copilotkit.baskets:graph", CODECS), ("crewai", "basket_flow:Basket", "")],
    ids=["langgraph", "crewai"],
)
async def test_it_is_told(
    tmp_path: Path, backend: str, app: str, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASKET_THREADS", str(tmp_path / "threads.db"))
    config = tmp_path / "hitl.toml"
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "basket_flow.py").write_text(FLOW, encoding="utf-8")
    config.write_text(CONFIG.format(backend=backend, app=app, options=options), encoding="utf-8")
    async with connect(config) as hitl, served(hitl, to_input=lambda asked: {"order": ""}) as client:
        page = Page(client)
        await page.say("pay back")
        (asked,) = page.interrupts
        assert BEFORE.items() <= shown(page)[-1].items()
        assert not shown(page)[-1].get("paid")
        assert await state_of_another(page) == shown(page)[-1]
        await page.resolve({"decision": decision(asked)})
        assert page.interrupts == []
        assert AFTER.items() <= shown(page)[-1].items()
        assert await state_of_another(page) == shown(page)[-1]
        conversation = (await hitl.transcript(page.thread)).items
        assert all(each.role is not Role.STATE for each in conversation), "it is nothing that was said"
    async with connect(config) as hitl, served(hitl) as client:  # as after a restart of the server
        assert AFTER.items() <= (await state_of_another(Page(client))).items()


async def state_of_another(page: Page) -> dict[str, Any]:
    """The state that is shown to a page that was not there; once, whether it asks for all or posts."""
    loaded, posts = page.another(), page.another()
    await loaded.connect()
    await posts.post()
    assert shown(posts) == shown(loaded)
    await posts.post(state={"order": "of the page's own"})
    assert shown(posts) == []
    (state,) = shown(loaded)
    return state


def decision(asked: dict[str, Any]) -> dict[str, Any]:
    """A yes, in the form in which it is offered."""
    options = asked["metadata"]["request"].get("options")
    return {"type": "choose", "option": options[0]["id"]} if options else {"type": "approve"}


def shown(page: Page) -> list[dict[str, Any]]:
    return [each["snapshot"] for each in page.events if each["type"] == "STATE_SNAPSHOT"]
