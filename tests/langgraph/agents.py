"""Agents and graphs whose tools go through the gate, in each of the three ways: middleware, tool node, function."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from pydantic import Field
from typing_extensions import TypedDict

from hitl_adapters.langgraph import OversightMiddleware, Refused, gated, gated_tool_node
from hitl_core import current_call

from .desk import record
from .played import PlayedModel

READS = '[[rules]]\nid = "reads"\nwhy = "changes nothing"\nmatch = { tool = "look_up" }\nlevel = "autonomous"\n'
ALL_GO = '[[rules]]\nid = "all"\nwhy = "a test"\nmatch = { tool = { glob = "*" } }\nlevel = "autonomous"\n'


@tool
async def look_up(order: str) -> str:
    """Look at an order."""
    record("looked", order=order)
    return f"{order} cost 12"


@tool
async def refund(order: str, amount: Annotated[float, Field(gt=0)]) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount, key=current_call().key)
    return f"paid {amount} for {order}"


@tool("refund")
def sync_refund(order: str, amount: float) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount, key=current_call().key)
    return f"paid {amount} for {order}"


@tool
async def slow(name: str, seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    record("slow", name=name)
    return name


@tool
async def breaks(order: str) -> str:
    """Raises after it has had its effect."""
    record("breaks", order=order)
    raise RuntimeError("the bank is closed")


@tool
async def asks_inside(order: str) -> str:
    """Asks for a name itself, once it may run."""
    record("began")
    name = interrupt("Whose account?")
    record("paid", to=name)
    return f"paid to {name}"


@tool
async def tells(order: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
    """Changes the state by a Command."""
    record("tells", order=order)
    return Command(update={"messages": [ToolMessage(f"told about {order}", tool_call_id=tool_call_id)]})


class Desk(TypedDict, total=False):
    order: str
    amount: float
    out: str


class Said(TypedDict, total=False):
    out: list[str]


def agent(model: PlayedModel, tools: list[Any], **options: Any) -> Callable[[Any], Any]:
    """A `create_agent` agent under oversight."""
    return lambda saver: create_agent(
        model, tools, middleware=[OversightMiddleware("desk")], checkpointer=saver, **options
    )


def node_graph(model: PlayedModel, tools: list[Any], **options: Any) -> Callable[[Any], Any]:
    """A hand-built loop of a model and one ToolNode task for all its calls."""

    async def chat(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def more(state: MessagesState) -> str:
        last = state["messages"][-1]
        return "tools" if isinstance(last, AIMessage) and last.tool_calls else "__end__"

    def build(saver: Any) -> Any:
        graph = StateGraph(MessagesState).add_node("chat", chat)
        graph.add_node("tools", gated_tool_node(tools), **options)
        graph.add_edge(START, "chat").add_conditional_edges("chat", more).add_edge("tools", "chat")
        return graph.compile(checkpointer=saver)

    return build


@gated
async def pay(order: str, amount: float) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount, key=current_call().key)
    return f"paid {amount}"


async def unpay(receipt: str) -> str:
    record("unpay", receipt=receipt)
    return "taken back"


@gated(undo=unpay)
async def pay_for_now(order: str) -> str:
    """Pay back."""
    record("refund", order=order)
    return f"paid for {order}"


async def settles(state: Desk) -> str:
    return str(await pay_for_now(state["order"]))


async def settles_in_a_function(state: Desk) -> Desk:
    return {"out": await settles(state)}


def with_an_undo(saver: Any) -> Any:
    graph = StateGraph(Desk).add_node("pays", settles_in_a_function)
    return graph.add_edge(START, "pays").compile(checkpointer=saver)


@gated
def pay_in_a_thread(order: str, amount: float) -> str:
    """Pay back."""
    time.sleep(0)
    record("refund", order=order, amount=amount, key=current_call().key)
    return f"paid {amount}"


async def pays(state: Desk) -> Desk:
    try:
        return {"out": await pay(state["order"], amount=state["amount"])}
    except Refused as no:
        return {"out": str(no)}


def pays_in_a_thread(state: Desk) -> Desk:
    try:
        return {"out": pay_in_a_thread(state["order"], amount=state["amount"])}
    except Refused as no:
        return {"out": str(no)}


def with_functions(saver: Any) -> Any:
    return StateGraph(Desk).add_node("pays", pays).add_edge(START, "pays").compile(checkpointer=saver)


def with_sync_functions(saver: Any) -> Any:
    return StateGraph(Desk).add_node("pays", pays_in_a_thread).add_edge(START, "pays").compile(checkpointer=saver)


def no_money() -> None:
    raise ValueError("no money")


def catches(sync: bool, comes: Callable[[], Any] = no_money) -> Callable[[Any], Any]:
    """A node that catches what its gated function raised, and asks afterwards, so that it runs again.

    What `comes` of it is what the function comes to."""
    seen: list[str] = []

    @gated(name="fails")
    async def fails() -> Any:
        record("tried")
        return comes()

    @gated(name="fails")
    def fails_in_a_thread() -> Any:
        record("tried")
        return comes()

    async def node(state: Said) -> Said:
        try:
            await fails()
        except Refused as no:
            seen.append(str(no))
        return asks()

    def sync_node(state: Said) -> Said:
        try:
            fails_in_a_thread()
        except Refused as no:
            seen.append(str(no))
        return asks()

    def asks() -> Said:
        approved = interrupt({"question": "Go on without it?"})
        return {"out": seen} if approved else {}

    def build(saver: Any) -> Any:
        graph = StateGraph(Said).add_node("node", sync_node if sync else node)
        return graph.add_edge(START, "node").compile(checkpointer=saver)

    return build


@gated(transactional=True)
def book(order: str, amount: float, transaction: Any = None) -> str:
    """Book it beside the record of it."""
    transaction.execute("CREATE TABLE IF NOT EXISTS bookings (name TEXT, amount REAL)")
    transaction.execute("INSERT INTO bookings VALUES (?, ?)", (order, amount))
    if amount > 100:
        raise ValueError("too much")
    return f"booked {amount}"


def books_in_a_node(state: Desk) -> Desk:
    try:
        return {"out": book(state["order"], state["amount"])}
    except Refused as no:
        return {"out": str(no)}


def books(saver: Any) -> Any:
    graph = StateGraph(Desk).add_node("books", books_in_a_node)
    return graph.add_edge(START, "books").compile(checkpointer=saver)


async def asks_and_pays_in_a_node(state: Desk) -> Desk:
    name = interrupt("Whose account?")
    return {"out": f"{name}: {await pay(state['order'], amount=state['amount'])}"}


def asks_and_pays(saver: Any) -> Any:
    graph = StateGraph(Desk).add_node("pays", asks_and_pays_in_a_node)
    return graph.add_edge(START, "pays").compile(checkpointer=saver)
