"""Live events of words, calls and results: one form, whatever a framework hands over."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.protocol import LiveKind, call_event, result_event, said_id, text_event
from hitl_core.protocol.telling import MOST_TOLD


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("[1]", {}),
        ("{bad", {}),
        (None, {}),
    ],
)
def test_arguments_are_told_as_an_object(arguments: Any, told: dict[str, Any]) -> None:
    assert call_event("r", "c", "pay", arguments).data == {"tool": "pay", "arguments": told}


def test_a_call_says_in_which_message_it_was_made() -> None:
    event = call_event("r", "c", "pay", {}, message="m", node="clerk")
    assert (event.kind, event.id, event.node) == (LiveKind.TOOL_CALL, "c", "clerk")
    assert event.data == {"tool": "pay", "arguments": {}, "message": "m"}


def test_a_result_is_text() -> None:
    assert result_event("r", "c", {"a": 1}).text == '{"a": 1}'
    assert result_event("r", "c", "paid").text == "paid"


def test_what_is_long_is_cut() -> None:
    assert len(text_event("r", "m", "x" * (MOST_TOLD + 1)).text) == MOST_TOLD


def test_an_id_is_as_long_as_an_id_may_be() -> None:
    assert said_id("run", "place") == "run:place"
    long = said_id("run", "x" * 300)
    assert len(long) <= 256
    assert long == said_id("run", "x" * 300) != said_id("run", "x" * 301)
