"""Pause and resume through us against raw LangGraph with the same checkpointer: a bare graph, and an agent.

The bare graph has three small nodes and no model: all that is slow in a real application is missing, so its ratio is
the strictest. The agent is LangChain's own `create_agent` with one tool; raw asks by `interrupt` in the tool, and ours
by the gate in front of it. Raw is what LangGraph's documentation shows, with the answer addressed by id and every step
durable before the next; its pause is kept by its checkpointer, ours besides in our store.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain.agents import create_agent
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.types import Command, interrupt
from pydantic import SecretStr

from hitl_adapters.langgraph import OversightMiddleware
from hitl_adapters.langgraph.suspend import Engine
from hitl_core import Runtime, connect

from .desk import CLOSING, MESSAGES, TILL, conversation, model
from .pairs import Spent, compared, config, our_cycle, rounds_at, sizes, stored, taking_turns
from .yardsticks import Figure

BARE = 1.10
AGENT = 1.15
DRIVE = (Engine, "drive")


async def figures(folder: Path, *, rounds: int) -> list[Figure]:
    """The bare graph in memory and on SQLite at 10 and 100 messages; the agent on SQLite at 10, 100 and 1,000."""
    made: list[Figure] = []
    gc.collect()
    gc.freeze()  # what was imported is not looked through again, on whoever's account that would come
    for place in ("memory", "SQLite"):
        for messages in (10, 100):
            async with _bare(folder, place) as (compiled, hitl):
                spent = await _bare_turns(compiled, hitl, conversation(messages), rounds)
            made += compared(
                f"{place}, {messages} messages", spent, against="raw LangGraph", goal=BARE, turns="the graph itself"
            )
    with model(folder) as url:
        async with _agents(folder, url) as (compiled, hitl, rows):
            for messages in MESSAGES:
                where = f"LangGraph agent, {messages:,} messages"
                spent = await _agent_turns(compiled, hitl, conversation(messages), rounds_at(messages, rounds))
                made += compared(where, spent, against="raw interrupt", goal=AGENT, turns="the graph itself")
                made.append(await _kept(where, compiled, hitl, rows, conversation(messages)))
    return made


# ── the bare graph ───────────────────────────────────────────────────────────────────────────────────────────


def draft(state: MessagesState) -> dict[str, Any]:
    return {"messages": [("ai", "I would refund 120.50 EUR.")]}


def ask(state: MessagesState) -> dict[str, Any]:
    approved = interrupt({"type": "approval", "content": "Refund 120.50 EUR for A-1042?"})
    return {"messages": [("ai", "refunded" if approved else "kept")]}


def close(state: MessagesState) -> dict[str, Any]:
    return {"messages": [("ai", CLOSING)]}


def graph(saver: Any) -> Any:
    """Three nodes, one pause: the smallest graph that has something before and after it."""
    built = StateGraph(MessagesState)
    built.add_sequence([draft, ask, close])
    built.set_entry_point("draft")
    return built.compile(checkpointer=saver)


async def raw_cycle(compiled: Any, given: dict[str, Any]) -> None:
    """As LangGraph's documentation shows it, with the answer addressed by id."""
    thread = {"configurable": {"thread_id": uuid4().hex}}
    paused = await compiled.ainvoke(given, thread, durability="sync")
    (pause,) = paused["__interrupt__"]
    done = await compiled.ainvoke(Command(resume={pause.id: True}), thread, durability="sync")
    assert done["messages"][-1].content == CLOSING


async def _bare_turns(compiled: Any, hitl: Runtime, given: dict[str, Any], rounds: int) -> Spent:
    return await taking_turns(lambda: raw_cycle(compiled, given), hitl, lambda: our_cycle(hitl, given), rounds, DRIVE)


@asynccontextmanager
async def _bare(folder: Path, place: str) -> AsyncIterator[tuple[Any, Runtime]]:
    """The same graph on two savers of one kind: one raw, one under us."""
    async with AsyncExitStack() as stack:
        raw, ours = [await _saver(stack, folder, place) for _ in range(2)]
        store = "sqlite://" if place == "memory" else ""
        hitl = await stack.enter_async_context(connect(config("langgraph", graph(ours), folder, store=store)))
        yield graph(raw), hitl


async def _saver(stack: AsyncExitStack, folder: Path, place: str) -> Any:
    if place == "memory":
        return InMemorySaver()
    return await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(folder / f"{uuid4().hex}-graph.db")))


# ── the agent ────────────────────────────────────────────────────────────────────────────────────────────────


async def refund(order: str, amount: float) -> str:
    """Pay an amount back."""
    return TILL.pay(order, amount)


async def asking_refund(order: str, amount: float) -> str:
    """Pay an amount back, when somebody has said yes to it."""
    approved = interrupt({"type": "approval", "tool": "refund", "arguments": {"order": order, "amount": amount}})
    return TILL.pay(order, amount) if approved else "kept"


def agent(url: str, saver: Any, tool: Any, *middleware: Any) -> Any:
    speaks = ChatOpenAI(model_name="m", openai_api_base=url, openai_api_key=SecretStr("none"))
    tools = [StructuredTool.from_function(coroutine=tool, name="refund")]
    return create_agent(speaks, tools, middleware=middleware, checkpointer=saver)


async def _agent_turns(compiled: Any, hitl: Runtime, given: dict[str, Any], rounds: int) -> Spent:
    async def raw() -> None:
        with TILL.once():
            await raw_cycle(compiled, given)

    async def ours() -> None:
        with TILL.once():
            await our_cycle(hitl, given)

    return await taking_turns(raw, hitl, ours, rounds, DRIVE)


@asynccontextmanager
async def _agents(folder: Path, url: str) -> AsyncIterator[tuple[Any, Runtime, Path]]:
    """The agent on raw LangGraph, the same under us, and the file in which the raw one is kept."""
    async with AsyncExitStack() as stack:
        rows = folder / "raw-agent.db"
        raw = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(rows)))
        ours = await _saver(stack, folder, "SQLite")
        app = agent(url, ours, refund, OversightMiddleware())
        hitl = await stack.enter_async_context(connect(config("langgraph", app, folder)))
        yield agent(url, raw, asking_refund), hitl, rows


async def _kept(where: str, compiled: Any, hitl: Runtime, rows: Path, given: dict[str, Any]) -> Figure:
    """What our store keeps of a pause besides the checkpointer's rows, against those rows."""
    thread = uuid4().hex
    await compiled.ainvoke(given, {"configurable": {"thread_id": thread}}, durability="sync")
    with sqlite3.connect(rows) as connection:
        (own,) = connection.execute(ROWS, (thread, thread)).fetchone()
    connection.close()
    return sizes(where, stored(hitl, await hitl.start(given)), own, against="its checkpointer's rows")


ROWS = """SELECT (SELECT SUM(length(checkpoint) + length(metadata)) FROM checkpoints WHERE thread_id = ?)
    + (SELECT SUM(length(value)) FROM writes WHERE thread_id = ?)"""
