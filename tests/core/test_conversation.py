"""A conversation as a run's input: what is said in it, in whichever form it comes."""

from __future__ import annotations

import pytest

from hitl_core.apps import Line, as_one_text, conversation_of
from hitl_core.protocol import Json

PARTS: list[Json] = [
    {"type": "text", "text": "he"},
    {"type": "image", "url": "x"},
    "odd",
    {"type": "text", "text": "y"},
]
NONE: list[Json] = [None, "hello", [1], {"order": "A"}, {"messages": "all"}, {"messages": []}]


@pytest.mark.parametrize("input", NONE)
def test_what_has_no_messages_is_no_conversation(input: Json) -> None:
    assert conversation_of(input) == ()


def test_what_is_said_is_read_in_every_form() -> None:
    messages: list[Json] = [
        {"role": "user", "content": "one", "id": "m1"},
        {"role": "assistant", "content": "", "toolCalls": [{"id": "c"}]},
        {"role": "tool", "content": "paid", "toolCallId": "c"},
        ["assistant", "two"],
        "three",
        {"source": "helper", "content": PARTS},
        {"content": {"odd": 1}},
        7,
    ]
    found = conversation_of({"messages": messages})
    assert found == (Line("user", "one"), Line("assistant", "two"), Line("user", "three"), Line("helper", "hey"))


def test_as_one_text_what_is_to_be_answered_comes_first() -> None:
    assert as_one_text([Line("user", "one")]) == "one"
    text = as_one_text([Line("user", "one"), Line("assistant", "two"), Line("user", "three")])
    assert text == "three\n\nWhat was said before, oldest first:\nuser: one\nassistant: two"
