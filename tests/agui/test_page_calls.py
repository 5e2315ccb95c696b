"""Pages that know `useHumanInTheLoop` only: everything is asked by calls of one tool of theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.agui.test_conversation import Desk, at_desk

ASK = {"name": "ask_person", "description": "Ask the user.", "parameters": {"type": "object", "properties": {}}}


def with_tool(desk: Desk) -> Desk:
    desk.page.tools = [*desk.page.tools, ASK]
    return desk


def asked(desk: Desk) -> tuple[str, dict[str, Any]]:
    """The id of the one call of it that is open, and what it asks; what the app calls itself is open too."""
    (call,) = [each for each in desk.page.open_calls if each["function"]["name"] == "ask_person"]
    return call["id"], json.loads(call["function"]["arguments"])


async def test_an_approval_is_asked_by_a_call_and_its_result_decides(tmp_path: Path) -> None:
    async with at_desk(tmp_path, asks_with="ask_person") as desk:
        await with_tool(desk).page.say("refund")
        assert desk.page.interrupts == []
        call, question = asked(desk)
        assert question["title"] == "Refund"
        assert question["request"]["action"]["arguments"] == {"order": "A-1", "amount": 10.0}
        assert "approved" in question["schema"]["properties"]
        await desk.page.result(call, {"approved": True, "tool_call_id": call})
        assert desk.refunds == [("A-1", 10.0)]
        assert desk.page.texts[-1] == "refunded 10.0 for A-1"


async def test_a_result_that_decides_nothing_is_asked_again_by_another_call(tmp_path: Path) -> None:
    async with at_desk(tmp_path, asks_with="ask_person") as desk:
        await with_tool(desk).page.say("refund")
        call, _ = asked(desk)
        await desk.page.result(call, "Error: Human-in-the-loop interaction aborted")
        assert desk.refunds == []
        again, _ = asked(desk)
        assert again != call
        await desk.page.result(again, {"approved": False, "reason": "no", "tool_call_id": again})
        assert desk.refunds == []
        assert "no" in desk.page.texts[-1]


async def test_a_yes_that_does_not_say_to_which_call_it_is_one_runs_nothing(tmp_path: Path) -> None:
    """CopilotKit hands the answer of a card that others have answered meanwhile to the call that is open now."""
    async with at_desk(tmp_path, asks_with="ask_person") as desk:
        await with_tool(desk).page.say("refund")
        call, _ = asked(desk)
        for meant in ({}, {"tool_call_id": "another"}, {"tool_call_id": None}):
            await desk.page.result(call, {"approved": True, **meant})
            assert desk.refunds == []
            call, _ = asked(desk)
        await desk.page.result(call, {"approved": True, "tool_call_id": call})
        assert desk.refunds == [("A-1", 10.0)]


async def test_the_model_is_not_told_of_the_tool_and_its_own_are_called_as_before(tmp_path: Path) -> None:
    async with at_desk(tmp_path, asks_with="ask_person") as desk:
        await with_tool(desk).page.say("pick")
        (run,) = (await desk.hitl.runs()).items
        assert [each.name for each in run.tools] == ["pick_a_time"]
        (call,) = desk.page.open_calls
        assert call["function"]["name"] == "pick_a_time"


async def test_a_page_without_the_tool_is_asked_by_an_interrupt(tmp_path: Path) -> None:
    async with at_desk(tmp_path, asks_with="ask_person") as desk:
        await desk.page.say("refund")
        assert desk.page.interrupts[0]["reason"] == "confirmation"


async def test_it_is_there_once_after_the_page_was_loaded_again(tmp_path: Path) -> None:
    async with at_desk(tmp_path, asks_with="ask_person") as desk:
        await with_tool(desk).page.say("refund")
        loaded = desk.another()
        await loaded.connect()
        (call,) = [each for each in loaded.open_calls if each["function"]["name"] == "ask_person"]
        await loaded.result(call["id"], {"approved": True, "tool_call_id": call["id"]})
        assert desk.refunds == [("A-1", 10.0)]


async def test_a_question_that_came_in_part_comes_whole_with_the_next_post(tmp_path: Path) -> None:
    """As of a page whose connection was cut before it had the arguments of the call."""
    async with at_desk(tmp_path, asks_with="ask_person") as desk:
        await with_tool(desk).page.say("refund")
        call, question = asked(desk)
        for part in ("", '{"title": "Ref'):
            (open_call,) = [each for each in desk.page.open_calls if each["id"] == call]
            open_call["function"]["arguments"] = part
            await desk.page.post()
            assert asked(desk) == (call, question)
        await desk.page.result(call, {"approved": True, "tool_call_id": call})
        assert desk.refunds == [("A-1", 10.0)]


async def test_a_question_stays_on_a_page_that_has_missed_something_else(tmp_path: Path) -> None:
    async with at_desk(tmp_path, asks_with="ask_person") as desk:
        await with_tool(desk).page.say("refund")
        before = asked(desk)
        said = next(each for each in desk.page.messages if each["role"] == "assistant" and each["id"] != before[0])
        desk.page.messages.remove(said)
        await desk.page.post()
        assert asked(desk) == before
        assert said in desk.page.messages
        await desk.page.result(before[0], {"approved": True, "tool_call_id": before[0]})
        assert desk.refunds == [("A-1", 10.0)]


async def test_all_that_the_user_has_said_is_known_once_it_was_taken_up(tmp_path: Path) -> None:
    """Of an app whose input has none of the page's ids, too: nothing that was said begins a second run."""
    inputs: list[Any] = []

    def to_input(given: Any) -> Any:
        inputs.append([each.text for each in given.heard])
        return {"messages": [{"role": "user", "content": "hello"}]}

    async with at_desk(tmp_path, to_input=to_input) as desk:
        desk.page.messages.append({"id": "m-1", "role": "user", "content": "first"})
        await desk.page.say("second", id="m-2")
        await desk.page.post()
        assert inputs == [["first", "second"]]
        loaded = desk.another()
        await loaded.connect()
        assert [each["id"] for each in loaded.messages if each["role"] == "user"] == ["m-1", "m-2"]


async def test_what_is_no_text_is_said_to_be_left_out(tmp_path: Path) -> None:
    image = {"type": "image", "source": {"type": "url", "value": "https://example.org/a.png"}}
    async with at_desk(tmp_path) as desk:
        desk.page.messages.append({"id": "m-1", "role": "user", "content": [image]})
        await desk.page.post()
        assert "left out: image" in desk.page.texts[-1]
        assert (await desk.hitl.runs()).items == ()
