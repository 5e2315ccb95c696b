"""AG-UI's own client, as CopilotKit pins it and the newest, takes what each backend's runs are told as."""

from __future__ import annotations

import pytest

from tests.copilotkit.studio import Studio
from tests.copilotkit.talking import Client, Talking, calls, cancelled, ids, resolved, texts

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
    assert len(ids(done)) == len(set(ids(done))), "a message is there twice"


def test_two_pauses_and_a_dismissal(talking: Talking, studio: Studio) -> None:
    before = len(studio.effects)
    first, second = talking.say("publish two")["interrupts"]
    done = talking.step(resume=[cancelled(first), resolved(second, {"approved": True})])
    assert done["interrupts"] == []
    assert len(studio.effects) == before + 1


def test_a_bad_answer_and_then_a_good_one(talking: Talking) -> None:
    (interrupt,) = talking.say("headline")["interrupts"]
    (same,) = talking.resolve(interrupt, 7)["interrupts"]
    assert same["id"] == interrupt["id"]
    done = talking.resolve(same, {"answer": "Hello"})
    assert "Hello" in texts(done)[-1]


def test_a_tool_of_the_page(talking: Talking) -> None:
    talking.step(tools=[PICK])
    (call,) = calls(talking.say("slot"))
    done = talking.step(result={"toolCallId": call["id"], "content": '{"slot": "noon"}'})
    assert "noon" in texts(done)[-1]


def test_a_conversation_goes_on(talking: Talking) -> None:
    (interrupt,) = talking.say("channel")["interrupts"]
    talking.resolve(interrupt, {"option": "site"})
    done = talking.say("hello")
    assert "I publish, ask, and make appointments" in texts(done)[-1]
