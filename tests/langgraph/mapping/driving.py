"""Drives real graphs: pause, lift, decide, lower, resume; the effects are what the nodes did, in order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from hitl_adapters.langgraph.mapping import Codecs, Expired, Lifted, NativePause, Sites, lift, lower
from hitl_core.protocol import Action, Because, Context, Decision, Json, Level, Origin, PauseRequest

_threads = itertools.count()


class State(TypedDict, total=False):
    """Free enough for every node shape in these tests."""

    out: Any
    text: str
    answer: Any
    approved: bool
    decision: str
    order: str


def one_node(node: Callable[..., Any], **compile_options: Any) -> Any:
    """A graph of one node, as its author would build it."""
    graph = StateGraph(State).add_node("ask", node).add_edge(START, "ask")
    return graph.compile(checkpointer=InMemorySaver(), **compile_options)


def request_from(lifted: Lifted, *, request_id: str = "r1") -> PauseRequest:
    """What the adapter makes of a lifted pause."""
    action = Action(tool=lifted.tool, arguments=lifted.arguments, origin=Origin())
    return PauseRequest(
        id=request_id,
        run_id="run",
        call=f"pause#{lifted.index}",
        kind=lifted.kind,
        level=Level.CONFIRM,
        title=lifted.title,
        action=action,
        digest=action.digest,
        context=Context(message=lifted.message, details=lifted.details),
        allowed=lifted.allowed,
        answer_schema=lifted.answer_schema,
        arguments_schema=lifted.arguments_schema,
        options=lifted.options,
        because=Because(rule="native", version="1", why="the app pauses here"),
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
        handle={"codec": lifted.codec},
    )


class Run:
    """One thread of a graph under test."""

    def __init__(self, graph: Any, input: Any = None, codecs: Codecs | None = None) -> None:
        self.graph, self.codecs, self.sites = graph, codecs or Codecs(), Sites(graph)
        self.config: Any = {"configurable": {"thread_id": f"t{next(_threads)}", "__pregel_strict_resume": False}}
        self.result = graph.invoke({} if input is None else input, self.config)

    @property
    def pauses(self) -> list[NativePause]:
        """The pauses that `get_state` shows, in its order."""
        return list(_pauses(self.graph.get_state(self.config, subgraphs=True), ()))

    def lifted(self, index: int = 0) -> tuple[Lifted, ...]:
        found = lift(self.pauses[index], self.codecs, self.sites)
        assert isinstance(found, tuple)
        return found

    def answer(self, *decisions: Decision | Expired, index: int = 0) -> Any:
        """Decide every request of one pause, resume, and return what the graph returns then."""
        pause, lifted = self.pauses[index], self.lifted(index)
        settled = [(request_from(part), decision) for part, decision in zip(lifted, decisions, strict=True)]
        value = lower(lifted[0].codec, settled, codecs=self.codecs)
        return self.resume({pause.interrupt_id: value})

    def resume(self, values: Mapping[str, Json]) -> Any:
        self.config["configurable"]["__pregel_strict_resume"] = True
        self.result = self.graph.invoke(Command(resume=dict(values)), self.config, durability="sync")
        return self.result


def play(node: Callable[..., Any], *decisions: Decision | Expired, codecs: Codecs | None = None) -> Any:
    """One node, its pauses answered one after the other; what it put into `out`."""
    run = Run(one_node(node), codecs=codecs)
    for decision in decisions:
        run.answer(decision)
    return run.result.get("out") if isinstance(run.result, Mapping) else run.result


def _pauses(snapshot: Any, path: tuple[str, ...]) -> Sequence[NativePause]:
    found: list[NativePause] = []
    for task in snapshot.tasks:
        if task.state is not None:
            found += _pauses(task.state, (*path, task.name))
            continue
        found += [NativePause(i.id, task.name, path, i.value, i.response_schema) for i in task.interrupts]
    return found
