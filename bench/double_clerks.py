"""Two processes resume one run of LangGraph at the same moment: python -m bench.double_clerks ROLE STORE FOLDER.

`native` does it as LangGraph's documentation shows it; `ours` through a runtime. Each line of the standard input is an
order: which thread or run, with which answer, and at which moment of the monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.types import Command, interrupt

from hitl_core import connect
from hitl_core.errors import HitlError

from .pairs import config

LEDGER = "ledger.txt"


def graph(saver: Any, folder: Path) -> Any:
    """A node that asks, and one that pays."""

    def ask(state: MessagesState) -> dict[str, Any]:
        said = interrupt({"type": "approval", "content": "Refund 120.50 EUR for A-1042?"})
        return {"messages": [("ai", "approved" if said else "refused")]}

    def pay(state: MessagesState) -> dict[str, Any]:
        file = os.open(folder / LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{state['messages'][0].content}\n".encode())
        os.close(file)
        return {"messages": [("ai", "paid")]}

    built = StateGraph(MessagesState)
    built.add_sequence([ask, pay])
    built.set_entry_point("ask")
    return built.compile(checkpointer=saver)


async def native(store: str, folder: Path) -> None:
    """LangGraph alone."""
    async with AsyncSqliteSaver.from_conn_string(store) as saver:
        compiled = graph(saver, folder)

        async def resume(order: dict[str, Any]) -> None:
            thread = {"configurable": {"thread_id": order["name"]}}
            await compiled.ainvoke(Command(resume={order["pause"]: True}), thread, durability="sync")

        await _serve(resume)


async def ours(store: str, folder: Path) -> None:
    """The same graph through us."""
    logging.disable()
    async with AsyncExitStack() as stack:
        saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(folder / "graph.db")))
        settings = config("langgraph", graph(saver, folder), folder, store=store)
        hitl = await stack.enter_async_context(connect(settings))
        await hitl.attach()

        async def resume(order: dict[str, Any]) -> None:
            await hitl.resume(order["name"])

        await _serve(resume)


async def _serve(resume: Any) -> None:
    print(json.dumps({"ready": True}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        await asyncio.sleep(max(0.0, (order["at"] - time.monotonic_ns()) / 1e9))
        error = ""
        try:
            await resume(order)
        except HitlError as exc:
            error = exc.code
        except Exception as exc:
            error = type(exc).__name__
        print(json.dumps({"error": error}), flush=True)


if __name__ == "__main__":
    asyncio.run({"native": native, "ours": ours}[sys.argv[1]](sys.argv[2], Path(sys.argv[3])))
