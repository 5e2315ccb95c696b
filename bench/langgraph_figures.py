"""Pause and resume through us against the same graph on raw LangGraph with the same checkpointer, interleaved."""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.types import Command, interrupt

from hitl_adapters.langgraph.suspend import Engine
from hitl_core import AppSource, Config, Policy, Runtime, connect

from .yardsticks import Figure, median, microseconds, timing

WARM_UP = 5


def draft(state: MessagesState) -> dict[str, Any]:
    return {"messages": [("ai", "I would refund 120.50 EUR.")]}


def ask(state: MessagesState) -> dict[str, Any]:
    approved = interrupt({"type": "approval", "content": "Refund 120.50 EUR for A-1042?"})
    return {"messages": [("ai", "refunded" if approved else "kept")]}


def close(state: MessagesState) -> dict[str, Any]:
    return {"messages": [("ai", "done")]}


def graph(saver: Any) -> Any:
    """Three nodes, one pause: the smallest graph that has something before and after it."""
    built = StateGraph(MessagesState)
    built.add_sequence([draft, ask, close])
    built.set_entry_point("draft")
    return built.compile(checkpointer=saver)


def conversation(messages: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"message {number} " + "x" * 80} for number in range(messages)]}


async def raw_cycle(compiled: Any, given: dict[str, Any]) -> None:
    """As LangGraph's documentation shows it, with the answer addressed by id."""
    config = {"configurable": {"thread_id": uuid4().hex}}
    paused = await compiled.ainvoke(given, config, durability="sync")
    (pause,) = paused["__interrupt__"]
    done = await compiled.ainvoke(Command(resume={pause.id: True}), config, durability="sync")
    assert done["messages"][-1].content == "done"


async def our_cycle(hitl: Runtime, given: dict[str, Any]) -> None:
    run = await hitl.start(given)
    await hitl.respond(run.pending[0].approve(by="reviewer"))
    run = await hitl.wait(run.id)
    assert run.state == "completed", run.error


async def figures(folder: Path, *, rounds: int) -> list[Figure]:
    """Interleaved cycles in memory and on SQLite, at 10 and 100 messages, and what the difference is made of."""
    made: list[Figure] = []
    gc.collect()
    gc.freeze()  # what was imported is not looked through again, on whoever's account that would come
    for place in ("memory", "SQLite"):
        for messages in (10, 100):
            async with _pair(folder, place) as (compiled, hitl):
                spent = await _interleaved(compiled, hitl, conversation(messages), rounds)
            made += _compared(f"{place}, {messages} messages", spent)
    return made


def _compared(where: str, spent: Spent) -> Iterator[Figure]:
    raw, ours = median(spent.raw), median(spent.ours)
    against = f"raw LangGraph {microseconds(raw)}"
    yield Figure(f"pause + resume, {where}", microseconds(ours), against, ours / raw, 1.10)
    for what, part in (("the graph itself", spent.graph), ("five transactions", spent.store)):
        yield Figure(f"… {where}: {what}", microseconds(median(part)), against, median(part) / raw)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds per cycle: raw, through us, and of the latter in LangGraph and in our store."""

    raw: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    graph: list[float] = field(default_factory=list)
    store: list[float] = field(default_factory=list)


async def _interleaved(compiled: Any, hitl: Runtime, given: dict[str, Any], rounds: int) -> Spent:
    spent = Spent()
    await hitl.attach()
    for _ in range(WARM_UP):
        await raw_cycle(compiled, given)
        await our_cycle(hitl, given)
    with timing(Engine, "drive") as in_graph, timing(type(hitl.store), "apply") as in_store:
        for _ in range(rounds):
            in_graph.clear()
            in_store.clear()
            begun = time.perf_counter()
            await raw_cycle(compiled, given)
            between = time.perf_counter()
            await our_cycle(hitl, given)
            spent.raw.append(between - begun)
            spent.ours.append(time.perf_counter() - between)
            spent.graph.append(sum(in_graph))
            spent.store.append(sum(in_store))
    return spent


@asynccontextmanager
async def _pair(folder: Path, place: str) -> AsyncIterator[tuple[Any, Runtime]]:
    """The same graph on two savers of one kind: one raw, one under us."""
    async with AsyncExitStack() as stack:
        name = uuid4().hex
        raw, ours = [await _saver(stack, folder, place, f"{name}-{side}") for side in ("raw", "ours")]
        store = "sqlite://" if place == "memory" else f"sqlite:///{name}.db"
        app = AppSource("bench.langgraph_figures:graph", graph(ours))
        config = Config(backend="langgraph", app=app, store_url=store, policy=Policy([]), folder=folder)
        hitl = await stack.enter_async_context(connect(config))
        yield graph(raw), hitl


async def _saver(stack: AsyncExitStack, folder: Path, place: str, name: str) -> Any:
    if place == "memory":
        return InMemorySaver()
    return await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(folder / f"{name}-graph.db")))
