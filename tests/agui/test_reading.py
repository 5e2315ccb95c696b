"""What a page has posted: taken for what it says, and for nothing more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hitl_core.agui.reading import Given, Heard, Posted, posted
from hitl_core.errors import NotUnderstood


def post(**fields: Any) -> Posted:
    given = {"threadId": "t-1", "runId": "r-1", "messages": [], "tools": [], "context": [], "forwardedProps": {}}
    return posted(json.dumps(given | fields).encode())


def tool_message(call: str, content: Any) -> dict[str, Any]:
    text = content if isinstance(content, str) else json.dumps(content)
    return {"id": f"m-{call}", "role": "tool", "toolCallId": call, "content": text}


def test_answers_name_the_interrupt_that_they_are_for() -> None:
    resume = [
        {"interruptId": "q-1", "status": "resolved", "payload": {"approved": True}},
        {"interruptId": "q-2", "status": "cancelled"},
        {"interruptId": "q-3", "status": "resolved"},
    ]
    assert post(resume=resume).answers == (
        Given("q-1", {"approved": True}),
        Given("q-2", dismissed=True),
        Given("q-3"),
    )


def test_who_answers_is_not_read_from_what_is_posted() -> None:
    entry = {"interruptId": "q-1", "status": "resolved", "payload": {}, "metadata": {"principal": "the boss"}}
    assert post(resume=[entry], forwardedProps={"user": "the boss"}).answers == (Given("q-1", {}),)


@pytest.mark.parametrize("event", [{"id": "q-1", "type": "approval"}, '{"id": "q-1"}'])
def test_an_older_page_names_the_request_by_the_event_that_it_sends_back(event: Any) -> None:
    command = {"resume": {"approved": True}, "interruptEvent": event}
    assert post(forwardedProps={"command": command}).answers == (Given("q-1", {"approved": True}),)


@pytest.mark.parametrize("event", [None, "deploy?", {"type": "approval"}, {"id": 7}])
def test_an_older_page_that_names_no_request_answers_none(event: Any) -> None:
    (given,) = post(forwardedProps={"command": {"resume": True, "interruptEvent": event}}).answers
    assert given.request_id == ""
    assert "names no request" in given.fault


def test_the_standard_answer_counts_where_a_page_sends_both() -> None:
    resume = [{"interruptId": "q-1", "status": "cancelled"}]
    command = {"resume": {"approved": True}, "interruptEvent": {"id": "q-1"}}
    assert post(resume=resume, forwardedProps={"command": command}).answers == (Given("q-1", dismissed=True),)


def test_the_result_of_a_pages_tool_is_taken_as_it_stands() -> None:
    messages = [tool_message("c-1", "noon"), tool_message("c-2", {"slot": "noon"})]
    assert post(messages=messages).results == (
        Given("c-1", "noon", call="c-1"),
        Given("c-2", '{"slot": "noon"}', call="c-2"),
    )


def test_an_echo_is_taken_off_where_it_names_the_call() -> None:
    messages = [tool_message("c-1", {"slot": "noon", "tool_call_id": "c-1"})]
    assert post(messages=messages).results == (Given("c-1", {"slot": "noon"}, call="c-1", echoed=True),)


def test_a_result_that_was_given_for_another_call_is_refused() -> None:
    (given,) = post(messages=[tool_message("c-2", {"approved": True, "tool_call_id": "c-1"})]).results
    assert "was given for the call 'c-1'" in given.fault


def test_what_the_user_says_is_its_text_and_what_was_no_text_is_named() -> None:
    parts = [
        {"type": "text", "text": "refund this"},
        {"type": "image", "source": {"type": "url", "value": "https://example.org/a.png"}},
    ]
    messages = [{"id": "u-1", "role": "user", "content": "hello"}, {"id": "u-2", "role": "user", "content": parts}]
    assert post(messages=messages).heard == (Heard("u-1", "hello"), Heard("u-2", "refund this", ("image",)))


def test_a_page_is_known_to_have_its_messages_and_the_calls_in_them() -> None:
    function = {"name": "refund", "arguments": "{}"}
    calls = [{"id": "c-1", "type": "function", "function": function}]
    messages = [{"id": "a-1", "role": "assistant", "toolCalls": calls}, tool_message("c-1", "done")]
    assert post(messages=messages).ids == {"a-1", "c-1", "m-c-1"}


def test_a_tool_without_a_schema_takes_nothing() -> None:
    (tool,) = post(tools=[{"name": "close", "description": "Close the page."}]).tools
    assert (tool.name, tool.parameters["type"]) == ("close", "object")


def test_all_that_is_wrong_with_a_body_is_told() -> None:
    with pytest.raises(NotUnderstood) as caught:
        posted(b'{"messages": 3}')
    assert {fault.path for fault in caught.value.faults} >= {"threadId", "runId", "messages"}
