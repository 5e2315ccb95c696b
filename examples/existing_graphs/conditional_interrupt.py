"""Lost property is sorted by rule; only when the rule is unsure is a person asked which shelf it goes on."""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from .ledger import record

SHELVES = ["clothes", "bags", "electronics"]
CERTAIN = 0.8
RULES = {"umbrella": ("bags", 0.4), "scarf": ("clothes", 0.95), "phone": ("electronics", 0.9)}


class Lost(TypedDict, total=False):
    item: str
    shelf: str
    confidence: float
    decided_by: str


def sort(state: Lost) -> Lost:
    shelf, confidence = RULES.get(state["item"], ("bags", 0.1))
    return {"shelf": shelf, "confidence": confidence, "decided_by": "rule"}


def check(state: Lost) -> Lost:
    if state["confidence"] >= CERTAIN:
        return {}
    shelf = interrupt(
        {
            "question": f"Where does this {state['item']} go?",
            "options": SHELVES,
            "guess": state["shelf"],
            "confidence": state["confidence"],
        }
    )
    return {"shelf": shelf, "decided_by": "person"}


def put_away(state: Lost) -> Lost:
    record("item_shelved", item=state["item"], shelf=state["shelf"], decided_by=state["decided_by"])
    return {}


def build(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Any:
    """Run it with {"item": "scarf"} (nobody is asked) or {"item": "umbrella"}."""
    graph = StateGraph(Lost)
    graph.add_node("sort", sort)
    graph.add_node("check", check)
    graph.add_node("put_away", put_away)
    graph.add_edge(START, "sort")
    graph.add_edge("sort", "check")
    graph.add_edge("check", "put_away")
    graph.add_edge("put_away", END)
    return graph.compile(checkpointer=checkpointer or InMemorySaver())
