"""What a working run says, told to a page: each message begun once and ended once, nothing told twice."""

from __future__ import annotations

from typing import Any

from ag_ui.core import BaseEvent

from hitl_core.agui.events import Speaker
from hitl_core.protocol import Json, LiveEvent, LiveKind, result_id, said_id

RUN = "run-1"


def live(kind: LiveKind, id: str = "", text: str = "", *, node: str = "desk", data: Json = None) -> LiveEvent:
    return LiveEvent(run_id=RUN, kind=kind, id=id, text=text, node=node, data=data)


def text(id: str, part: str, *, node: str = "desk") -> LiveEvent:
    return live(LiveKind.TEXT, id, part, node=node)


def call(id: str, tool: str = "refund", *, node: str = "desk", **arguments: Json) -> LiveEvent:
    return live(LiveKind.TOOL_CALL, id, node=node, data={"tool": tool, "arguments": arguments})


def heard(speaker: Speaker, *events: LiveEvent) -> list[str]:
    """One line an event: its type, whose it is, and what it says."""
    found = [event for each in events for event in speaker.hear(each)]
    return [_line(each) for each in (*found, *speaker.end())]


def _line(event: BaseEvent) -> str:
    said: dict[str, Any] = event.model_dump(by_alias=True)
    whose = said.get("messageId") or said.get("toolCallId") or said.get("stepName") or ""
    what = said.get("delta") or said.get("content") or said.get("toolCallName") or ""
    return " ".join(filter(None, (str(said["type"].value), whose, what)))


def test_a_message_is_begun_once_and_ended_before_the_run_is() -> None:
    assert heard(Speaker(), text("m1", "I need "), text("m1", "a decision.")) == [
        "TEXT_MESSAGE_START m1",
        "TEXT_MESSAGE_CONTENT m1 I need ",
        "TEXT_MESSAGE_CONTENT m1 a decision.",
        "TEXT_MESSAGE_END m1",
    ]


def test_nothing_is_told_of_an_empty_part() -> None:
    assert heard(Speaker(), text("m1", "")) == []


def test_a_call_ends_what_its_agent_said_and_its_result_names_it() -> None:
    result = live(LiveKind.TOOL_RESULT, "c1", "R-1")
    assert heard(Speaker(), text("m1", "Refunding."), call("c1", amount=5), result) == [
        "TEXT_MESSAGE_START m1",
        "TEXT_MESSAGE_CONTENT m1 Refunding.",
        "TEXT_MESSAGE_END m1",
        "TOOL_CALL_START c1 refund",
        'TOOL_CALL_ARGS c1 {"amount": 5}',
        "TOOL_CALL_END c1",
        f"TOOL_CALL_RESULT {result_id(RUN, 'c1')} R-1",
    ]


def test_two_agents_that_speak_at_once_keep_their_messages_apart() -> None:
    told = heard(Speaker(), text("a", "one ", node="x"), text("b", "two", node="y"), text("a", "more", node="x"))
    assert told.count("TEXT_MESSAGE_START a") == told.count("TEXT_MESSAGE_END a") == 1
    assert told.index("TEXT_MESSAGE_CONTENT a more") < told.index("TEXT_MESSAGE_END a")


def test_what_a_replay_says_again_is_not_told_again() -> None:
    first = (text("m1", "Refunding."), call("c1", amount=5))
    before = Speaker()
    heard(before, *first)
    after = Speaker(before.told | {"c1"})
    assert heard(after, *first, live(LiveKind.TOOL_RESULT, "c1", "R-1"), text("m2", "Done.")) == [
        f"TOOL_CALL_RESULT {result_id(RUN, 'c1')} R-1",
        "TEXT_MESSAGE_START m2",
        "TEXT_MESSAGE_CONTENT m2 Done.",
        "TEXT_MESSAGE_END m2",
    ]


def test_calls_of_the_pages_own_tools_are_left_to_the_requests() -> None:
    speaker = Speaker(client_tools={"pick_a_time"})
    assert heard(speaker, call("c1", "pick_a_time"), live(LiveKind.TOOL_RESULT, "c1", "noon")) == []
    assert not speaker.told


def test_there_is_one_step_at_a_time_and_the_last_is_ended() -> None:
    steps = [live(LiveKind.STEP, node=node) for node in ("draft", "draft", "send")]
    assert heard(Speaker(), *steps) == [
        "STEP_STARTED draft",
        "STEP_FINISHED draft",
        "STEP_STARTED send",
        "STEP_FINISHED send",
    ]


def test_a_call_belongs_to_the_message_that_it_names() -> None:
    speaker = Speaker()
    named = live(LiveKind.TOOL_CALL, "c1", data={"tool": "refund", "arguments": {}, "message": "m1"})
    (start, *_) = speaker.hear(named)
    assert start.model_dump(by_alias=True)["parentMessageId"] == "m1"
    (own, *_) = speaker.hear(call("c2"))
    assert own.model_dump(by_alias=True)["parentMessageId"] == said_id(RUN, "c2", "call")


def test_a_state_and_an_apps_own_event_are_told_whole() -> None:
    state = live(LiveKind.STATE, data={"orders": 3})
    own = live(LiveKind.CUSTOM, text="progress", data={"done": 0.5})
    told = [each.model_dump(by_alias=True) for event in (state, own) for each in Speaker().hear(event)]
    assert [(each["type"].value, each.get("snapshot"), each.get("name"), each.get("value")) for each in told] == [
        ("STATE_SNAPSHOT", {"orders": 3}, None, None),
        ("CUSTOM", None, "progress", {"done": 0.5}),
    ]
