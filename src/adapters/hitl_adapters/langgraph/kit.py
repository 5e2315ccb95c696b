"""The app of a conformance scene in LangGraph: an agent from a spec, and unchanged graphs that pause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from hitl_core.testing.conformance import SpecKit, Stage

from .adapter import NAME
from .building import open_saver


class Kit(SpecKit):
    """Scenes as agents; native pauses as graphs in which a node interrupts."""

    backend = NAME

    def options(self, stage: Stage) -> dict[str, Any]:
        """Threads are kept where the runs are."""
        return {"checkpointer": stage.database("hitl-langgraph.db")}

    def native(self, pause: str, stage: Stage) -> Any:
        """A graph whose one node asks, in the words of LangGraph's own documentation."""
        node = {"approval": _asks_to_pay(stage), "question": _asks_why}[pause]

        @asynccontextmanager
        async def opened() -> AsyncIterator[Any]:
            async with open_saver(stage.database("threads.db"), stage.folder) as saver:
                graph = StateGraph(_State).add_node("desk", node)
                graph.add_node("hears", _hears(stage)).add_edge(START, "desk").add_edge("desk", "hears")
                yield graph.add_edge("hears", END).compile(checkpointer=saver)

        return opened


class _State(TypedDict, total=False):
    task: str
    said: str


_Node = Any
"""A node, in whichever of the many forms that StateGraph takes."""


def _asks_to_pay(stage: Stage) -> _Node:
    def desk(state: _State) -> _State:
        if interrupt({"type": "approval", "question": "Pay back A-1042?"}):
            return {"said": stage.pays("A-1042", 40.5)}
        return {"said": "kept"}

    return desk


def _asks_why(state: _State) -> _State:
    why = interrupt("Why is it due?")
    return {"said": f"because {why}"}


def _hears(stage: Stage) -> _Node:
    def hears(state: _State) -> _State:
        stage.hear(state["said"])
        return {}

    return hears
