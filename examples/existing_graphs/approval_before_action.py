"""A newsletter is written, looked at by the editor, and only then mailed: draft → review → send or shelve."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from .ledger import record


class Newsletter(TypedDict, total=False):
    topic: str
    draft: str
    status: str
    editor_note: str


def draft(state: Newsletter) -> Newsletter:
    return {"draft": f"This month in the allotments: {state['topic']}."}


def review(state: Newsletter) -> Command[Literal["send", "shelve"]]:
    verdict = interrupt({"question": "Mail this newsletter to all members?", "draft": state["draft"]})
    if verdict["approved"]:
        return Command(goto="send")
    return Command(goto="shelve", update={"editor_note": verdict.get("feedback", "")})


def send(state: Newsletter) -> Newsletter:
    record("newsletter_mailed", text=state["draft"])
    return {"status": "mailed"}


def shelve(state: Newsletter) -> Newsletter:
    record("newsletter_shelved", note=state["editor_note"])
    return {"status": "shelved"}


def build(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Any:
    """Run it with {"topic": "beans"}."""
    graph = StateGraph(Newsletter)
    for node in (draft, review, send, shelve):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "draft")
    graph.add_edge("draft", "review")
    graph.add_edge("send", END)
    graph.add_edge("shelve", END)
    return graph.compile(checkpointer=checkpointer or InMemorySaver())
