"""A greenhouse assistant wants to use its tools; the gardener allows the calls or says why not."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt

from .ledger import record


@tool
def open_vents(minutes: int) -> str:
    """Open the roof vents for some minutes."""
    record("vents_opened", minutes=minutes)
    return f"vents open for {minutes} minutes"


@tool
def water(bed: str, litres: float) -> str:
    """Water one bed."""
    record("bed_watered", bed=bed, litres=litres)
    return f"{litres} litres on {bed}"


def assistant(state: MessagesState) -> dict[str, Any]:
    """Stands in for a model: it wants both tools once, then sums up what came of it."""
    results = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    if results:
        return {"messages": [AIMessage("; ".join(str(message.content) for message in results))]}
    calls = [
        {"name": "open_vents", "args": {"minutes": 20}, "id": "vents-1"},
        {"name": "water", "args": {"bed": "tomatoes", "litres": 7.5}, "id": "water-1"},
    ]
    return {"messages": [AIMessage("It is hot in here.", tool_calls=calls)]}


def gardener(state: MessagesState) -> Command[Literal["tools", "assistant"]]:
    last = state["messages"][-1]
    assert isinstance(last, AIMessage)
    wanted = [{"name": call["name"], "args": call["args"]} for call in last.tool_calls]
    answer = interrupt({"message": "Allow these tool calls?", "tool_calls": wanted})
    if answer == "yes":
        return Command(goto="tools")
    denied = [
        ToolMessage(f"Tool use denied by the gardener: {answer}", tool_call_id=call["id"]) for call in last.tool_calls
    ]
    return Command(goto="assistant", update={"messages": denied})


def wants_tools(state: MessagesState) -> Literal["gardener", "__end__"]:
    last = state["messages"][-1]
    if isinstance(last, AIMessage) and last.tool_calls:
        return "gardener"
    return "__end__"


def build(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Any:
    """Run it with {"messages": [["user", "look after the greenhouse"]]}."""
    graph = StateGraph(MessagesState)
    graph.add_node("assistant", assistant)
    graph.add_node("gardener", gardener)
    graph.add_node("tools", ToolNode([open_vents, water]))
    graph.add_edge(START, "assistant")
    graph.add_conditional_edges("assistant", wants_tools)
    graph.add_edge("tools", "assistant")
    return graph.compile(checkpointer=checkpointer or InMemorySaver())
