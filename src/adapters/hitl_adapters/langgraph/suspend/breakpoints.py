"""Whether a thread stands at a static breakpoint, read from its state alone: after a crash LangGraph says nothing.

A breakpoint before a node that is next has stopped it: to get past takes a resume, and each of ours is on record. A
breakpoint after a node holds while the step that ran last had that node in it. Anything else that is next was at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from langgraph.types import StateSnapshot

from .engine import Engine
from .pauses import App

_COPIES = ("fork",)
"""What LangGraph calls a checkpoint that only repeats another one."""


async def stands_at_breakpoint(engine: Engine, app: App, snapshot: StateSnapshot) -> bool:
    """Whether the thread, or a graph inside it, was stopped by a static breakpoint."""
    for path, level in _levels(snapshot):
        graph = app.sites.graph_at(path)
        if graph is not None and level.next and await _stopped(engine, graph, level):
            return True
    return False


def _levels(snapshot: StateSnapshot, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], StateSnapshot]]:
    yield path, snapshot
    for task in snapshot.tasks:
        if task.result is None and isinstance(task.state, StateSnapshot):
            yield from _levels(task.state, (*path, task.name))


async def _stopped(engine: Engine, graph: Any, level: StateSnapshot) -> bool:
    if _meets(graph.interrupt_before_nodes, level.next):
        return True
    if not graph.interrupt_after_nodes:
        return False
    return _meets(graph.interrupt_after_nodes, await _ran_last(engine, level))


async def _ran_last(engine: Engine, level: StateSnapshot) -> tuple[str, ...]:
    """The nodes of the step before; a copy is looked at where it was made."""
    found: StateSnapshot | None = level
    while found is not None and (found.metadata or {}).get("source") in _COPIES:
        found = await engine.parent(found)
    before = None if found is None else await engine.parent(found)
    return () if before is None else tuple(task.name for task in before.tasks)


def _meets(breakpoints: Any, nodes: Iterable[str]) -> bool:
    """Whether one of the nodes has a breakpoint; "*" stands for all, and LangGraph's own entry has none."""
    own = {name for name in nodes if name != "__start__"}
    return bool(own) if breakpoints == "*" else bool(own.intersection(breakpoints or ()))
