"""Two inspectors look at a bridge side by side; `status` says who is still waited for, from LangGraph's own state."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from .ledger import record


class Inspection(TypedDict, total=False):
    bridge: str
    passed: Annotated[list[str], operator.add]
    failed: Annotated[list[str], operator.add]
    status: str


def structure(state: Inspection) -> Inspection:
    sound = interrupt({"type": "approval", "question": f"Is the structure of {state['bridge']} sound?"})
    return {"passed": ["structure"]} if sound else {"failed": ["structure"]}


def traffic(state: Inspection) -> Inspection:
    safe = interrupt({"type": "approval", "question": f"Is {state['bridge']} safe for traffic?"})
    return {"passed": ["traffic"]} if safe else {"failed": ["traffic"]}


def conclude(state: Inspection) -> Inspection:
    if state.get("failed"):
        record("bridge_closed", bridge=state["bridge"], failed=sorted(state["failed"]))
        return {"status": "closed"}
    record("bridge_opened", bridge=state["bridge"])
    return {"status": "open"}


def status(graph: Any, config: RunnableConfig) -> dict[str, Any]:
    """Where a thread stands: the nodes to come, and the questions that are open, by node."""
    snapshot = graph.get_state(config)
    waiting = {task.name: [pause.value for pause in task.interrupts] for task in snapshot.tasks if task.interrupts}
    return {"next": list(snapshot.next), "waiting": waiting, "interrupted": bool(waiting)}


def build(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Any:
    """Run it with {"bridge": "Ox Bridge"}; both questions are open at once."""
    graph = StateGraph(Inspection)
    graph.add_node("structure", structure)
    graph.add_node("traffic", traffic)
    graph.add_node("conclude", conclude)
    graph.add_edge(START, "structure")
    graph.add_edge(START, "traffic")
    graph.add_edge(["structure", "traffic"], "conclude")
    graph.add_edge("conclude", END)
    return graph.compile(checkpointer=checkpointer or InMemorySaver())
