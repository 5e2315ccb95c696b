"""A graph of one's own with a state of its own. It asks before it pays."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt


class Basket(TypedDict, total=False):
    messages: list[Any]
    order: str
    paid: bool


@asynccontextmanager
async def graph() -> AsyncIterator[Any]:
    def look(state: Basket) -> Basket:
        return {"order": "A-1042"}

    def pay(state: Basket) -> Basket:
        return {"paid": bool(interrupt({"type": "payment", "question": f"Pay back {state['order']}?"}))}

    made = StateGraph(Basket).add_node("look", look).add_node("pay", pay)
    made.add_edge(START, "look").add_edge("look", "pay").add_edge("pay", END)
    async with AsyncSqliteSaver.from_conn_string(os.environ["BASKET_THREADS"]) as saver:
        yield made.compile(checkpointer=saver)
