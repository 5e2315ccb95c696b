"""Booking the village hall asks three things, one after the other, inside one node."""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from .ledger import record


class Booking(TypedDict, total=False):
    hall: str
    status: str


def book(state: Booking) -> Booking:
    """LangGraph runs this from the top after each answer, so the one effect comes after the last question."""
    name = interrupt("Whose name is the booking under?")
    room = interrupt({"question": "Which room?", "options": ["stage", "kitchen", "garden"]})
    confirmed = interrupt({"question": f"Book the {room} of {state['hall']} for {name}?"})
    if not confirmed:
        return {"status": f"not booked for {name}"}
    record("hall_booked", hall=state["hall"], room=room, name=name)
    return {"status": f"{room} booked for {name}"}


def build(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Any:
    """Run it with {"hall": "Mill Hall"}."""
    graph = StateGraph(Booking)
    graph.add_node("book", book)
    graph.add_edge(START, "book")
    graph.add_edge("book", END)
    return graph.compile(checkpointer=checkpointer or InMemorySaver())
