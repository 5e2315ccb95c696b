"""A conversation as a run's input: what is said in it, in whichever form it comes."""

from __future__ import annotations

import pytest

from hitl_core.apps import Line, Message, as_one_text, conversation_of, messages_in
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


def test_who_speaks_is_read_in_the_words_of_every_framework() -> None:
    messages: list[Json] = [
        {"type": "human", "content": "one"},
        {"type": "ai", "content": "two"},
        {"type": "tool", "content": "paid"},
        {"type": "TextMessage", "source": "helper", "content": "three"},
        {"type": "TextMessage", "content": "four"},
        ["human", "five"],
        {"role": "ai", "content": "six"},
    ]
    found = conversation_of({"messages": messages})
    said = [("user", "one"), ("assistant", "two"), ("helper", "three"), ("user", "four"), ("user", "five")]
    assert found == (*said, ("assistant", "six"))


def test_a_message_is_known_by_its_id_and_nobody_says_what_is_none() -> None:
    messages: list[Json] = [
        {"role": "user", "content": "one", "id": "m1"},
        {"content": "two", "id": 2},
        {"id": "m3"},
        7,
    ]
    assert messages_in({"messages": messages}) == (
        Message("user", "one", "m1"),
        Message("user", "two"),
        Message("", None, "m3"),
        Message("", None),
    )


def test_as_one_text_what_is_to_be_answered_comes_first() -> None:
    assert as_one_text([Line("user", "one")]) == "one"
    text = as_one_text([Line("user", "one"), Line("assistant", "two"), Line("user", "three")])
    assert text == "three\n\nWhat was said before, oldest first:\nuser: one\nassistant: two"
