"""AG-UI's own client, as CopilotKit pins it and the newest, takes what each backend's runs are told as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.copilotkit.studio import Studio
from tests.copilotkit.talking import Talking

PICK = {
    "name": "pick_time_slot",
    "description": "Let the user pick a time.",
    "parameters": {"type": "object", "properties": {"purpose": {"type": "string"}}, "required": ["purpose"]},
}


@pytest.fixture(params=["pinned", "newest"])
def talking(request: pytest.FixtureRequest, studio: Studio) -> Iterator[Talking]:
    with Talking(request.param, f"{studio.url}/agui/studio") as client:
        yield client


def test_a_pause_and_its_answer(talking: Talking, studio: Studio) -> None:
    before = len(studio.effects)
    asked = talking.say("publish")
    assert "error" not in asked
    assert asked["heard"][0] == "RUN_STARTED"
    (interrupt,) = asked["interrupts"]
    assert len(studio.effects) == before
    done = talking.resolve(interrupt, {"approved": True})
    assert "error" not in done
    assert done["interrupts"] == []
    assert len(studio.effects) == before + 1
    assert "Version 4.2 is out" in texts(done)[-1]
    assert len(ids(done)) == len(set(ids(done))), "a message is there twice"


def test_two_pauses_and_a_dismissal(talking: Talking, studio: Studio) -> None:
    before = len(studio.effects)
    first, second = talking.say("publish two")["interrupts"]
    resume = [
        {"interruptId": first["id"], "status": "cancelled"},
        {"interruptId": second["id"], "status": "resolved", "payload": {"approved": True}},
    ]
    done = talking.step(resume=resume)
    assert "error" not in done
    assert done["interrupts"] == []
    assert len(studio.effects) == before + 1


def test_a_bad_answer_and_then_a_good_one(talking: Talking) -> None:
    (interrupt,) = talking.say("headline")["interrupts"]
    again = talking.resolve(interrupt, 7)
    assert "error" not in again
    (same,) = again["interrupts"]
    assert same["id"] == interrupt["id"]
    done = talking.resolve(same, {"answer": "Hello"})
    assert "error" not in done
    assert "Hello" in texts(done)[-1]


def test_a_tool_of_the_page(talking: Talking) -> None:
    talking.step(tools=[PICK])
    asked = talking.say("slot")
    assert "error" not in asked
    (call,) = [call for each in asked["messages"] for call in each.get("toolCalls", ())]
    done = talking.step(result={"toolCallId": call["id"], "content": '{"slot": "noon"}'})
    assert "error" not in done
    assert "noon" in texts(done)[-1]


def test_a_conversation_goes_on(talking: Talking) -> None:
    (interrupt,) = talking.say("channel")["interrupts"]
    talking.resolve(interrupt, {"option": "site"})
    done = talking.say("hello")
    assert "error" not in done
    assert "I publish, ask, and make appointments" in texts(done)[-1]


def texts(came: dict[str, Any]) -> list[str]:
    return [each["content"] for each in came["messages"] if each["role"] == "assistant" and each.get("content")]


def ids(came: dict[str, Any]) -> list[str]:
    return [each["id"] for each in came["messages"]]
