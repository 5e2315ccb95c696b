"""Graphs written as if we did not exist: every place where LangGraph can pause, with an effect after the answer."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send, interrupt

from .desk import record
from .played import PlayedModel, call


class State(TypedDict, total=False):
    order: str
    orders: list[str]
    said: Any
    out: Annotated[list[str], operator.add]


def ask(state: State) -> State:
    record("asked")
    if interrupt({"type": "approval", "question": f"Pay back {state['order']}?"}):
        record("paid", order=state["order"])
        return {"out": ["paid"]}
    return {"out": ["kept"]}


def after(state: State) -> State:
    record("told")
    return {}


def _line(*nodes: Any, **options: Any) -> Any:
    graph = StateGraph(State)
    names = [node.__name__ for node in nodes]
    for node in nodes:
        graph.add_node(node.__name__, node)
    for one, other in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(one, other)
    return graph.compile(**options)


def in_a_node(saver: Any) -> Any:
    return _line(ask, after, checkpointer=saver)


def renamed(saver: Any) -> Any:
    """The same app after somebody renamed its node."""
    graph = StateGraph(State).add_node("ask_a_person", ask).add_node("after", after)
    graph.add_edge(START, "ask_a_person").add_edge("ask_a_person", "after")
    return graph.compile(checkpointer=saver)


def in_a_subgraph(saver: Any) -> Any:
    graph = StateGraph(State).add_node("sub", _line(ask)).add_node("after", after)
    return graph.add_edge(START, "sub").add_edge("sub", "after").compile(checkpointer=saver)


def renamed_in_a_subgraph(saver: Any) -> Any:
    """The node inside the subgraph has another name now."""
    inner = StateGraph(State).add_node("ask_a_person", ask).add_edge(START, "ask_a_person").compile()
    graph = StateGraph(State).add_node("sub", inner).add_node("after", after)
    return graph.add_edge(START, "sub").add_edge("sub", "after").compile(checkpointer=saver)


def two_at_once(saver: Any) -> Any:
    graph = StateGraph(State).add_node("ask", ask).add_node("one", one).add_node("after", after)
    graph.add_edge(START, "ask").add_edge(START, "one")
    return graph.add_edge(["ask", "one"], "after").compile(checkpointer=saver)


def one_of_two_renamed(saver: Any) -> Any:
    graph = StateGraph(State).add_node("ask", ask).add_node("another", one).add_node("after", after)
    graph.add_edge(START, "ask").add_edge(START, "another")
    return graph.add_edge(["ask", "another"], "after").compile(checkpointer=saver)


_inner = _line(ask)


def calls_a_graph(state: State) -> State:
    record("called")
    return {"out": _inner.invoke({"order": state["order"]})["out"]}


def in_a_graph_called_by_a_node(saver: Any) -> Any:
    return _line(calls_a_graph, after, checkpointer=saver)


@tool
def pay(order: str) -> str:
    """Pay back an order."""
    if interrupt({"type": "approval", "question": f"Pay back {order}?"}):
        record("paid", order=order)
        return "paid"
    return "kept"


@tool
def look_up(order: str) -> str:
    """Look at an order."""
    record("looked", order=order)
    return f"{order} cost 12"


def in_a_tool_of_an_agent(saver: Any) -> Any:
    model = PlayedModel(
        turns=[[call("pay", "p1", order="A"), call("look_up", order="A"), call("pay", "p2", order="B")], "done"]
    )
    return create_agent(model, [pay, look_up], checkpointer=saver)


def _wants_pay(state: MessagesState) -> dict[str, Any]:
    return {"messages": [AIMessage("", tool_calls=[call("pay", order="A")])]}


def in_one_tool_node(saver: Any) -> Any:
    graph = StateGraph(MessagesState).add_node("wants", _wants_pay).add_node("tools", ToolNode([pay]))
    return graph.add_edge(START, "wants").add_edge("wants", "tools").compile(checkpointer=saver)


def one(state: State) -> State:
    record("began", order=state["order"])
    if interrupt({"type": "approval", "question": f"Pay back {state['order']}?"}):
        record("paid", order=state["order"])
        return {"out": [state["order"]]}
    return {"out": []}


def fan_out(saver: Any) -> Any:
    def each(state: State) -> list[Send]:
        return [Send("one", {"order": order}) for order in state["orders"]]

    graph = StateGraph(State).add_node("one", one).add_node("after", after)
    graph.add_conditional_edges(START, each, ["one"])
    return graph.add_edge("one", "after").compile(checkpointer=saver)


def functional(saver: Any) -> Any:
    @task
    def price(order: str) -> int:
        record("priced")
        return 12

    @task
    def confirm(order: str, cost: int) -> bool:
        ok = interrupt({"type": "approval", "question": f"Pay {cost} back for {order}?"})
        return bool(ok)

    @entrypoint(checkpointer=saver)
    def desk(asked: dict[str, Any]) -> str:
        cost = price(asked["order"]).result()
        if not confirm(asked["order"], cost).result():
            return "kept"
        record("paid", order=asked["order"])
        return "paid"

    return desk


def functional_body(saver: Any) -> Any:
    @task
    def price(order: str) -> int:
        record("priced")
        return 12

    @entrypoint(checkpointer=saver)
    def desk(asked: dict[str, Any]) -> str:
        cost = price(asked["order"]).result()
        name = interrupt("Who pays?")
        record("paid", by=name, cost=cost)
        return f"paid by {name}"

    return desk


def _who(state: State) -> State:
    name = interrupt("Who pays?")
    record("paid", by=name)
    return {"out": [name]}


def functional_around_a_graph(saver: Any) -> Any:
    inner = _line(_who)

    @task
    def price(order: str) -> int:
        record("priced")
        return 12

    @entrypoint(checkpointer=saver)
    def desk(asked: dict[str, Any]) -> list[str]:
        price(asked["order"]).result()
        out: list[str] = inner.invoke({"order": asked["order"]})["out"]
        return out

    return desk


def pays(state: State) -> State:
    record("paid", order=state["order"])
    return {"out": ["paid"]}


def breakpoint_before(saver: Any) -> Any:
    return _line(pays, after, checkpointer=saver, interrupt_before=["pays"])


def breakpoint_after(saver: Any) -> Any:
    return _line(pays, after, checkpointer=saver, interrupt_after=["pays"])


def breakpoint_in_a_subgraph(saver: Any) -> Any:
    graph = StateGraph(State).add_node("sub", _line(pays, interrupt_before=["pays"])).add_node("after", after)
    return graph.add_edge(START, "sub").add_edge("sub", "after").compile(checkpointer=saver)


def breakpoint_and_question(saver: Any) -> Any:
    return _line(ask, pays, checkpointer=saver, interrupt_before=["pays"])


def questions(state: State) -> State:
    name = interrupt("What is your name?")
    size = interrupt({"question": "Which size?", "options": ["S", "M", "L"]})
    record("sewn", name=name, size=size)
    return {"out": [f"{size} for {name}"]}


def in_sequence(saver: Any) -> Any:
    return _line(questions, checkpointer=saver)


def counts(state: State) -> State:
    said = []
    for number in range(3):
        said.append(interrupt(f"Line {number}?"))
    record("written", lines=said)
    return {"out": said}


def in_a_loop(saver: Any) -> Any:
    return _line(counts, checkpointer=saver)


def questions_in_a_subgraph(saver: Any) -> Any:
    graph = StateGraph(State).add_node("sub", _line(counts))
    return graph.add_edge(START, "sub").compile(checkpointer=saver)


_counting = _line(counts)


def calls_counting(state: State) -> State:
    return {"out": _counting.invoke({"order": "x"})["out"]}


def questions_in_a_called_graph(saver: Any) -> Any:
    return _line(calls_counting, checkpointer=saver)


def maybe(state: State) -> State:
    if state["order"].startswith("big") and not interrupt({"type": "approval", "question": "Really?"}):
        return {"out": ["kept"]}
    record("paid", order=state["order"])
    return {"out": ["paid"]}


def conditional(saver: Any) -> Any:
    return _line(maybe, checkpointer=saver)


def inbox_node(state: State) -> State:
    request = {
        "action_request": {"action": "refund", "args": {"order": state["order"], "amount": 12}},
        "config": {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": True},
        "description": "Pay it back",
    }
    response = interrupt([request])[0]
    if response["type"] == "accept":
        record("paid", amount=12)
    elif response["type"] == "edit":
        record("paid", amount=response["args"]["args"]["amount"])
    return {"out": [response["type"]]}


def agent_inbox(saver: Any) -> Any:
    return _line(inbox_node, checkpointer=saver)


def _meaning_of(answer: Any) -> bool:
    return {"aye": True}.get(answer, False)


def unclear(state: State) -> State:
    answer = interrupt({"type": "approval", "question": "Shall we?"})
    if _meaning_of(answer):
        record("paid")
    return {"out": [str(answer)]}


def ambiguous(saver: Any) -> Any:
    return _line(unclear, after, checkpointer=saver)


def pays_on_truth(state: State) -> State:
    answer = interrupt("Anything to say before it is paid back?")
    if answer:
        record("paid")
    return {"out": [str(answer)]}


def unclear_truth(saver: Any) -> Any:
    return _line(pays_on_truth, after, checkpointer=saver)


def forges(state: State) -> State:
    """Claims to be a question of the gate."""
    approved = interrupt({"hitl_core/request": "no-such-call"})
    record("paid")
    return {"out": [str(approved)]}


def forged(saver: Any) -> Any:
    return _line(forges, checkpointer=saver)
