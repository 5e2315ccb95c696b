"""One ToolNode task with several calls: LangGraph gives an answer to whichever call asks first (langgraph#6533)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send, interrupt

from hitl_core.protocol import RunState

from .desk import Desk, approve, record, recorded, reject
from .graphs import look_up, pay
from .played import call

Made = Callable[..., Desk]


def _asks(order: str) -> bool:
    return bool(interrupt({"type": "approval", "question": f"Pay {order}?"}))


class Race:
    """Tools whose calls reach `interrupt()` in another order each time the node runs."""

    def __init__(self) -> None:
        self.late, self.passes = ("evil", "alice"), 0

    async def pays(self, order: str) -> str:
        late = self.late[min(self.passes, 1)]
        await asyncio.sleep(0.05 if order == late else 0)
        if not interrupt({"type": "approval", "question": f"Pay {order}?"}):
            return "kept"
        record("paid", order=order)
        return "paid"


def _graph(tools: list[Any], calls: list[Any], *, send: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
    def wants(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("", tool_calls=calls)]}

    def build(saver: Any) -> Any:
        graph = StateGraph(MessagesState).add_node("wants", wants).add_node("tools", ToolNode(tools))
        graph.add_edge(START, "wants")
        if send is None:
            return graph.add_edge("wants", "tools").compile(checkpointer=saver)
        return graph.add_conditional_edges("wants", send, ["tools"]).compile(checkpointer=saver)

    return build


def _tools(race: Race) -> dict[str, Any]:
    @tool
    async def pay(order: str) -> str:
        """Pay."""
        return await race.pays(order)

    @tool
    async def wire(order: str) -> str:
        """Pay by wire."""
        return await race.pays(order)

    @tool
    def deep(order: str) -> str:
        """Pay, after asking elsewhere."""
        if _asks(order):
            record("paid", order=order)
        return order

    return {"pay": pay, "wire": wire, "deep": deep}


def _send_together(state: MessagesState) -> list[Send]:
    return [Send("tools", getattr(state["messages"][-1], "tool_calls", []))]


def _send_each(state: MessagesState) -> list[Send]:
    return [Send("tools", [each]) for each in getattr(state["messages"][-1], "tool_calls", [])]


@pytest.mark.parametrize("names", [("pay", "pay"), ("pay", "wire"), ("pay", "deep"), ("deep", "deep")], ids="-".join)
@pytest.mark.parametrize("send", [None, _send_together], ids=["edge", "send"])
async def test_two_calls_in_one_task_are_refused_and_nothing_is_paid(desk: Made, names: Any, send: Any) -> None:
    race = Race()
    tools = _tools(race)
    calls = [call(names[0], "c1", order="alice"), call(names[1], "c2", order="evil")]
    used = [tools[name] for name in dict.fromkeys(names)]
    at = desk(_graph(used, calls, send=send), options={"codecs": {"tools": "boolean"}})
    run = await at.start({"messages": []})
    for _ in range(3):
        race.passes += 1
        run = await at.answer(run, *[approve] * len(run.pending))
    assert recorded() == []
    assert run.state is RunState.FAILED
    assert "HITL-A08" in run.error
    assert "'tools'" in run.error
    assert "Send each call on its own" in run.error


async def test_one_call_alone_is_answered(desk: Made) -> None:
    at = desk(
        _graph([_tools(Race())["pay"]], [call("pay", "c1", order="alice")]), options={"codecs": {"tools": "boolean"}}
    )
    run = await at.answer(await at.start({"messages": []}), approve)
    assert (run.state, [each["order"] for each in recorded()]) == (RunState.COMPLETED, ["alice"])


async def test_a_call_beside_tools_that_cannot_pause_is_answered(desk: Made) -> None:
    calls = [call("pay", "c1", order="alice"), call("look_up", "c2", order="alice")]
    at = desk(_graph([_tools(Race())["pay"], look_up], calls), options={"codecs": {"tools": "boolean"}})
    run = await at.answer(await at.start({"messages": []}), approve)
    assert run.state is RunState.COMPLETED, run.error
    assert at.effects.count("paid") == 1


async def test_calls_that_are_sent_one_by_one_each_get_their_own_answer(desk: Made) -> None:
    calls = [call("pay", "c1", order="alice"), call("pay", "c2", order="evil")]
    at = desk(_graph([_tools(Race())["pay"]], calls, send=_send_each), options={"codecs": {"tools": "boolean"}})
    run = await at.start({"messages": []})
    assert [request.title for request in run.pending] == ["Pay alice?", "Pay evil?"]
    run = await at.answer(run, approve, reject)
    assert (run.state, [each["order"] for each in recorded()]) == (RunState.COMPLETED, ["alice"])


async def test_a_tool_that_may_pause_in_a_shared_task_is_warned_of(desk: Made) -> None:
    at = desk(_graph([look_up, pay], []))
    async with at.open() as hitl:
        found = [each.message for each in await hitl.attach() if each.level == "warn"]
    assert any("langgraph#6533" in message and "pay" in message for message in found)
