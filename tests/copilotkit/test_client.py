"""AG-UI's own client, as CopilotKit pins it and the newest, takes what each backend's runs are told as."""

from __future__ import annotations

from typing import Any

import pytest

from tests.copilotkit.studio import Studio
from tests.copilotkit.talking import Came, Client, Talking, calls, cancelled, ids, texts

PICK = {
    "name": "pick_time_slot",
    "description": "Let the user pick a time.",
    "parameters": {"type": "object", "properties": {"purpose": {"type": "string"}}, "required": ["purpose"]},
}


@pytest.fixture
def talking(client: Client, studio: Studio) -> Talking:
    return client.open(f"{studio.url}/agui/studio")


def test_a_pause_and_its_answer(talking: Talking, studio: Studio) -> None:
    before = len(studio.effects)
    asked = talking.say("publish")
    assert asked["heard"][0] == "RUN_STARTED"
    (interrupt,) = asked["interrupts"]
    assert len(studio.effects) == before
    done = talking.resolve(interrupt, {"approved": True})
    assert done["interrupts"] == []
    assert len(studio.effects) == before + 1
    assert "Version 4.2 is out" in texts(done)[-1]
    assert_told_once(asked, done)
    assert loaded_again(talking, studio) == done["messages"]


def test_two_pauses_of_which_one_is_dismissed_first(talking: Talking, studio: Studio) -> None:
    before = len(studio.effects)
    asked = talking.say("publish two")
    first, second = asked["interrupts"]
    (other,) = talking.step(resume=[cancelled(first)], loose=True)["interrupts"]
    assert other["id"] == second["id"]
    done = talking.resolve(second, {"approved": True})
    assert done["interrupts"] == []
    assert [each["arguments"]["version"] for each in studio.effects[before:]] == ["4.3"]
    assert_told_once(asked, done)
    assert by_id(loaded_again(talking, studio)) == by_id(done["messages"])


def test_a_bad_answer_and_then_a_good_one(talking: Talking) -> None:
    (interrupt,) = talking.say("headline")["interrupts"]
    (same,) = talking.resolve(interrupt, 7)["interrupts"]
    assert same["id"] == interrupt["id"]
    done = talking.resolve(same, {"answer": "Hello"})
    assert "Hello" in texts(done)[-1]


def test_a_tool_of_the_page(client: Client, studio: Studio) -> None:
    talking = client.open(f"{studio.url}/agui/studio", tools=[PICK])
    (call,) = calls(talking.say("slot"))
    done = talking.result(call["id"], {"slot": "noon", "tool_call_id": call["id"]})
    assert "noon" in texts(done)[-1]
    said = [each["role"] for each in done["messages"]]
    assert (said, len(calls(done))) == (["user", "assistant", "tool", "assistant"], 1)


def test_a_conversation_goes_on(talking: Talking) -> None:
    (interrupt,) = talking.say("channel")["interrupts"]
    talking.resolve(interrupt, {"option": "site"})
    done = talking.say("hello")
    assert "I publish, ask, and make appointments" in texts(done)[-1]


def test_a_review_that_somebody_else_accepts(client: Client, studio: Studio) -> None:
    connect = f"{studio.url}/copilotkit/agent/studio/connect"
    ann = client.open(f"{studio.url}/agui/studio", headers={"cookie": "person=ann"})
    (asked,) = ann.say("announcement")["interrupts"]
    assert asked["reason"] == "hitl:review"
    bob = client.open(f"{studio.url}/agui/studio", thread=ann.thread, headers={"cookie": "person=bob"})
    assert bob.step(connect=connect)["interrupts"] == [asked]
    told, taken = texts(bob.resolve(asked, {"accepted": True}))[-2:]
    assert ("It is faster" in told, "was taken" in taken) == (True, True)
    assert texts(ann.step(connect=connect))[-1] == told


def test_an_edit_keeps_its_types(talking: Talking, studio: Studio) -> None:
    before = len(studio.effects)
    (interrupt,) = talking.say("publish")["interrupts"]
    done = talking.resolve(interrupt, {"approved": True, "editedArgs": {"version": "4.2", "share": 25}})
    assert [each["arguments"] for each in studio.effects[before:]] == [{"version": "4.2", "share": 25}]
    assert "25 %" in texts(done)[-1]


@pytest.mark.parametrize("at", ["TEXT_MESSAGE_CONTENT", "TOOL_CALL_START"])
def test_a_connection_that_is_cut_in_the_middle_of_a_message(talking: Talking, studio: Studio, at: str) -> None:
    """The run goes on; the page has all that was said with its next post, and is asked."""
    before = len(studio.effects)
    assert talking.say("publish", leave=at)["heard"][-2:] == [at, "RUN_ERROR"]  # the client's own word on hanging up
    asked = talking.step(resume=[])
    (interrupt,) = asked["interrupts"]
    assert texts(asked) == ["I am about to publish 4.2."]
    done = talking.resolve(interrupt, {"approved": True})
    assert len(studio.effects) == before + 1
    assert loaded_again(talking, studio) == done["messages"]


def test_two_tabs_of_which_one_is_late(talking: Talking, client: Client, studio: Studio) -> None:
    before = len(studio.effects)
    (interrupt,) = talking.say("publish")["interrupts"]
    tab = client.open(f"{studio.url}/agui/studio", thread=talking.thread)
    assert tab.step(connect=f"{studio.url}/copilotkit/agent/studio/connect")["interrupts"] == [interrupt]
    talking.resolve(interrupt, {"approved": False, "reason": "not today"})
    late = tab.resolve(interrupt, {"approved": True})
    assert late["interrupts"] == []
    assert "has changed nothing" in texts(late)[-1]
    assert studio.effects[before:] == []


def loaded_again(talking: Talking, studio: Studio) -> list[Any]:
    """The messages of a page that has nothing, and asks for all."""
    connected = talking.step(connect=f"{studio.url}/copilotkit/agent/studio/connect")
    assert connected["heard"] == ["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]
    messages: list[Any] = connected["messages"]
    return messages


def by_id(messages: list[Any]) -> dict[str, Any]:
    """Without their order: the results of calls that go on side by side come as they come."""
    return {each["id"]: each for each in messages}


def assert_told_once(*came: Came) -> None:
    """Each message and call was begun once in all of these turns, and is held once."""
    for begun, key in (("TEXT_MESSAGE_START", "messageId"), ("TOOL_CALL_START", "toolCallId")):
        told = [event[key] for each in came for event in each["events"] if event["type"] == begun]
        assert len(told) == len(set(told)), told
    held = ids(came[-1])
    assert len(held) == len(set(held)), held
