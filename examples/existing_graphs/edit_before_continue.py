"""A summary of the town meeting is put before the clerk, who may rewrite it; what comes back is filed."""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from .ledger import record


class Minutes(TypedDict, total=False):
    notes: str
    summary: str


def summarise(state: Minutes) -> Minutes:
    first = state["notes"].split(".")[0].strip()
    return {"summary": f"In short: {first}."}


def clerk(state: Minutes) -> Minutes:
    corrected = interrupt({"instruction": "Correct the summary, or leave it as it is.", "summary": state["summary"]})
    return {"summary": corrected}


def file(state: Minutes) -> Minutes:
    record("minutes_filed", summary=state["summary"])
    return {}


def build(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Any:
    """Run it with {"notes": "The bridge stays closed. Costs were discussed."}."""
    graph = StateGraph(Minutes)
    graph.add_node("summarise", summarise)
    graph.add_node("clerk", clerk)
    graph.add_node("file", file)
    graph.add_edge(START, "summarise")
    graph.add_edge("summarise", "clerk")
    graph.add_edge("clerk", "file")
    graph.add_edge("file", END)
    return graph.compile(checkpointer=checkpointer or InMemorySaver())
