"""What a page holds, and what has to be sent so that it holds all of a conversation in its order."""

from __future__ import annotations

from typing import Any

import pytest
from ag_ui.core import AssistantMessage, FunctionCall, Message, ToolCall, ToolMessage, UserMessage

from hitl_core.agui.events import call_events, text_events
from hitl_core.agui.held import Held
from tests.agui.page import with_snapshot


def asked(id: str = "u") -> Message:
    return UserMessage(id=id, role="user", content="pay")


def said(id: str, text: str = "", *calls: str, arguments: str = '{"sum": 5}') -> Message:
    called = FunctionCall(name="pay", arguments=arguments)
    made = [ToolCall(id=each, type="function", function=called) for each in calls]
    return AssistantMessage(id=id, role="assistant", content=text or None, tool_calls=made or None)


def sent(message: Message) -> dict[str, Any]:
    return message.model_dump(by_alias=True)


def came(call: str) -> Message:
    return ToolMessage(id=f"{call}-result", role="tool", content="paid", tool_call_id=call)


WHOLE = [asked(), said("m1", "I pay.", "c1"), came("c1"), said("m2", "Paid.")]


@pytest.mark.parametrize(
    ("held", "sent"),
    [
        (WHOLE, []),
        ([], [4]),
        (WHOLE[:1], [4]),
        ([asked(), said("m1", "I p")], [4]),
        ([asked(), said("m1", "I pay."), came("c1"), said("m2", "Paid.")], [4]),
        ([asked(), said("m1", "I pay.", "c1", arguments=""), came("c1"), said("m2", "Paid.")], [4]),
        ([asked(), said("m1", "I pay.", "c1", arguments='{"su'), came("c1"), said("m2", "Paid.")], [4]),
        ([asked(), said("m1", "I pay.", "c1", arguments='{"sum":5}'), came("c1"), said("m2", "Paid.")], []),
        ([asked(), said("m1", "I pay.", "c1"), said("m2", "Paid."), came("c1")], []),
        ([*WHOLE, said("note", "Nothing was done.")], []),
        ([asked(), said("m1", "I pay. And more than is kept.", "c1"), came("c1"), said("m2", "Paid.")], []),
        ([asked(), said("own", "", "c2"), came("c1"), said("m2", "Paid.")], [1, 4]),
        ([said("m2", "Paid."), asked(), said("m1", "I pay.", "c1"), came("c1")], [0, 4]),
    ],
)
def test_as_much_is_sent_as_the_page_lacks(held: list[Message], sent: list[int]) -> None:
    assert [len(each) for each in Held(held).snapshots(WHOLE)] == sent


@pytest.mark.parametrize(
    "held",
    [[], WHOLE[:2], [asked(), said("own", "", "c2"), came("c1"), said("m2", "Paid.")], [WHOLE[3], WHOLE[0], WHOLE[1]]],
)
def test_what_is_sent_leaves_the_page_with_all_of_it_in_its_order(held: list[Message]) -> None:
    page = list(map(sent, held))
    for snapshot in Held(held).snapshots(WHOLE):
        page = with_snapshot(page, list(map(sent, snapshot)))
    assert page == list(map(sent, WHOLE))


def test_what_the_page_is_told_it_holds() -> None:
    held = Held([asked()])
    for event in (*text_events("m1", "I pay."), *call_events("c1", "pay", {"sum": 5}, of="m1")):
        held.hear(event)
    assert not [*held.snapshots(WHOLE[:2])]
    assert [*held.snapshots(WHOLE)] == [WHOLE]
