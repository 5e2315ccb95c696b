"""Payloads that LangGraph keeps and JSON does not know are shown by a table, and decided about like any other."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel

from hitl_adapters.langgraph.mapping import Codecs, NativePause, boolean, fields, lift
from hitl_adapters.langgraph.mapping.rendering import rendered
from hitl_core.errors import PauseAmbiguous
from hitl_core.protocol import Json, Reply, RunState

from .desk import Desk, approve, record, reject
from .graphs import State
from .played import call

Made = Callable[..., Desk]


class Size(enum.Enum):
    SMALL = "S"


class Order(BaseModel):
    name: str = "A"
    at: datetime.date = datetime.date(2026, 1, 2)


@dataclass
class Line:
    cents: decimal.Decimal
    tags: tuple[str, ...] = ("x",)


TABLE: list[tuple[Any, Json]] = [
    (datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC), "2026-01-02T03:04:00+00:00"),
    (datetime.date(2026, 1, 2), "2026-01-02"),
    (datetime.time(3, 4), "03:04:00"),
    (datetime.timedelta(days=1), "1 day, 0:00:00"),
    (decimal.Decimal("1.10"), "1.10"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (PurePosixPath("a/b"), "a/b"),
    (Size.SMALL, "S"),
    (b"ab", "YWI="),
    ((1, (2,)), [1, [2]]),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    (Order(), {"name": "A", "at": "2026-01-02"}),
    (Line(decimal.Decimal("2.50")), {"cents": "2.50", "tags": ["x"]}),
    (HumanMessage("hi"), {"type": "human", "content": "hi"}),
    (ToolMessage("ok", tool_call_id="c"), {"type": "tool", "content": "ok", "tool_call_id": "c"}),
    ({1: 2, None: 3}, {"1": 2, "null": 3}),
    ({1: "a", "1": "b"}, [[1, "a"], ["1", "b"]]),
]


@pytest.mark.parametrize(("value", "shown"), TABLE, ids=lambda each: type(each).__name__)
def test_each_is_shown_as_the_table_says(value: Any, shown: Json) -> None:
    assert rendered(value).value == shown
    assert rendered({"x": {"y": [value]}, "z": 1}).value == {"x": {"y": [shown]}, "z": 1}
    assert rendered({"x": {"y": [value]}, "z": 1}).parts == {"x"}


def test_a_message_shows_its_calls() -> None:
    shown: Any = rendered(AIMessage("", tool_calls=[call("pay", order="A")])).value
    assert [each["args"] for each in shown["tool_calls"]] == [{"order": "A"}]


def test_plain_json_stays_as_it_is() -> None:
    value = {"a": [1, 1.5, None, True, {"b": "c"}]}
    assert (rendered(value).value, rendered(value).parts) == (value, frozenset())


def _payload(value: Any) -> Callable[[Any], Any]:
    def ask(state: State) -> State:
        if interrupt(value):
            record("paid")
        return {}

    return lambda saver: StateGraph(State).add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=saver)


@pytest.mark.parametrize("say", [approve, reject])
@pytest.mark.parametrize(
    "more",
    [
        {"messages": [AIMessage("hi", tool_calls=[call("pay", order="A")])]},
        {"when": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), "amount": decimal.Decimal("1.10")},
        {"x": {2, 1}, "y": {1: 2}, "z": b"ab", "u": uuid.UUID(int=1)},
    ],
    ids=["messages", "times", "others"],
)
async def test_it_is_decided_about_as_shown(desk: Made, more: dict[str, Any], say: Any) -> None:
    at = desk(_payload({"question": "Pay it?", **more}), options={"codecs": {"ask": "boolean"}})
    run = await at.start({"order": "A"})
    (request,) = run.pending
    assert request.action.arguments == rendered(more).value
    assert "edit" not in request.allowed
    run = await at.answer(run, say)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["paid"] if say is approve else [])


async def test_a_payload_that_makes_no_request_is_refused_by_its_place(desk: Made) -> None:
    action = {"action_request": {"action": "", "args": {}}, "config": {"allow_accept": True}, "description": ""}
    run = await desk(_payload(action)).start({"order": "A"})
    assert run.state is RunState.FAILED
    assert run.error.startswith("HITL-A08 the pause at 'ask' cannot be answered safely: its payload makes no request")


@pytest.mark.parametrize("value", [object(), 2**70], ids=["object", "number of 70 bits"])
async def test_a_payload_that_cannot_be_kept_fails_the_run_and_nothing_runs(desk: Made, value: Any) -> None:
    """LangGraph writes no pause down then, so there is none to answer."""
    at = desk(_payload({"question": "Pay it?", "x": value}), options={"codecs": {"ask": "boolean"}})
    run = await at.start({"order": "A"})
    assert (run.state, run.pending, at.effects) == (RunState.FAILED, (), [])
    assert "not msgpack serializable" in run.error


def _pause(value: Any) -> NativePause:
    shown = rendered(value)
    return NativePause("i", "ask", value=shown.value, parts=shown.parts, fault=shown.fault)


def test_no_edit_is_offered_of_what_is_only_rendered() -> None:
    codecs = Codecs({"ask": fields(edited="args")})
    plain: Any = lift(_pause({"question": "?", "amount": "1.10"}), codecs)
    (shown,) = plain
    assert Reply.EDIT in shown.allowed
    made: Any = lift(_pause({"question": "?", "amount": decimal.Decimal("1.10")}), codecs)
    (shown,) = made
    assert Reply.EDIT not in shown.allowed
    assert Reply.APPROVE in shown.allowed


def test_a_protocol_that_sends_the_arguments_back_is_refused() -> None:
    action = {"action": "pay", "args": {"amount": decimal.Decimal("1.10")}}
    with pytest.raises(PauseAmbiguous, match="is not JSON"):
        lift(_pause([{"action_request": action, "config": {"allow_accept": True}, "description": ""}]))


def test_what_cannot_be_shown_is_refused_by_its_type() -> None:
    with pytest.raises(PauseAmbiguous, match=r"builtins\.object, which cannot be shown"):
        lift(_pause({"x": object()}), Codecs({"ask": boolean()}))
