"""An app of another shape: `to_input` makes its input, and the page is told and asked as ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hitl_core.agui import Beginning
from tests.agui.test_conversation import at_desk


async def test_it_is_given_what_was_said_before_and_what_is_said_now(tmp_path: Path) -> None:
    given: list[Beginning] = []

    def to_input(asked: Beginning) -> Any:
        given.append(asked)
        return {"messages": [{"role": "user", "content": asked.heard[-1].text.lower()}]}

    async with at_desk(tmp_path, to_input=to_input) as desk:
        await desk.page.say("HELLO", id="m-1")
        await desk.page.say("REFUND", id="m-2")
        desk.shop.clock.advance(minutes=5)
        await desk.page.resolve({"approved": True})
        assert [each.thread for each in given] == [desk.page.thread] * 2, "each message begins one run, and no more"
        heard = [[(one.id, one.text) for one in each.heard] for each in given]
        assert heard == [[("m-1", "HELLO")], [("m-2", "REFUND")]]
        assert [[one.text for one in each.said] for each in given] == [[], ["HELLO", "You said: hello.", "1 messages"]]
        assert desk.refunds == [("A-1", 10.0)]
