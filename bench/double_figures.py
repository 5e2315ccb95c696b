"""LangGraph's double resume: how often an effect happens twice when two processes resume one run at the same moment."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Final

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from hitl_core import connect

from .double_clerks import LEDGER, graph
from .pairs import config
from .processes import Clerk, clerk
from .yardsticks import Figure, Found, Table

CLERKS: Final = "bench.double_clerks"
SOON: Final = 50_000_000
"""Nanoseconds until both begin."""

Order = dict[str, str]


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """A hundred runs, each resumed twice at once: alone, and through us."""
    runs = 2 if smoke else 100
    places = {name: folder / name for name in ("native", "ours")}
    for place in places.values():
        place.mkdir()
    native = await _native(places["native"], runs)
    ours = await _ours(places["ours"], runs)
    head = ("who", "runs", "paid once", "paid twice", "never paid", "told that another had it")
    return [
        Figure(
            f"double resume of {runs} runs: paid twice",
            f"{ours[2]}",
            f"LangGraph alone {native[2]}",
            ours[2] / runs,
            0.0,
        ),
        Table(
            "Two processes resume each run at the same moment",
            head,
            [_row("LangGraph", native), _row("hitl-core", ours)],
        ),
    ]


def _row(who: str, counts: Sequence[int]) -> tuple[str, ...]:
    return (who, *map(str, counts))


async def _native(folder: Path, runs: int) -> tuple[int, ...]:
    store, orders = str(folder / "graph.db"), list[Order]()
    async with AsyncSqliteSaver.from_conn_string(store) as saver:
        compiled = graph(saver, folder)
        for number in range(runs):
            thread = {"configurable": {"thread_id": str(number)}}
            paused = await compiled.ainvoke({"messages": [("user", str(number))]}, thread, durability="sync")
            orders.append({"name": str(number), "pause": paused["__interrupt__"][0].id})
    return await _twice("native", store, folder, orders)


async def _ours(folder: Path, runs: int) -> tuple[int, ...]:
    store, orders = f"sqlite:///{folder / 'ours.db'}", list[Order]()
    async with AsyncExitStack() as stack:
        saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(folder / "graph.db")))
        settings = config("langgraph", graph(saver, folder), folder, store=store)
        hitl = await stack.enter_async_context(connect(settings))
        for number in range(runs):
            run = await hitl.start({"messages": [{"role": "user", "content": str(number)}]})
            await hitl.respond(run.pending[0].approve(by="reviewer"))
            orders.append({"name": run.id})
    return await _twice("ours", store, folder, orders)


async def _twice(role: str, store: str, folder: Path, orders: list[Order]) -> tuple[int, ...]:
    """Two processes get each order at once. How many there were, paid once, twice and never, and refused to one."""
    refused = 0
    with ExitStack() as stack:
        both = [stack.enter_context(clerk(role, store, folder, of=CLERKS)) for _ in range(2)]
        for order in orders:
            refused += await _at_once(both, order)
    paid = Counter((folder / LEDGER).read_text(encoding="utf-8").split())
    times = Counter(paid.values())
    return len(orders), times[1], len(paid) - times[1], len(orders) - len(paid), refused


async def _at_once(both: list[Clerk], order: Order) -> int:
    at = time.monotonic_ns() + SOON
    for each in both:
        each.tell(json.dumps({**order, "at": at}))
    said = [await asyncio.to_thread(each.heard) for each in both]
    return sum(bool(each["error"]) for each in said)
