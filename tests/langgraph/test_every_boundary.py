"""kill -9 at every boundary of every kind of pause and decision (P40, P41, P42).

A third of the places of each story are tried here; `HITL_KILLS=all`, as in the lane `langgraph_kills`, tries them all.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from hitl_adapters.langgraph import OversightMiddleware
from hitl_core.protocol import Kind, PauseRequest, Response
from tests.forking import on_two_cores

from . import agents, graphs, test_langchain_middleware
from .desk import GO, approve, editing, record, reject
from .graphs import State
from .killing import Story, killed_at, places
from .played import PlayedModel, call

pytestmark = pytest.mark.processes

A: dict[str, Any] = {"order": "A"}


class Counted(PlayedModel):
    """Leaves a line in the ledger for each call of it that was answered."""

    def _generate(self, messages: Any, *args: Any, **options: Any) -> Any:
        made = super()._generate(messages, *args, **options)
        record("model", nth=sum(each.type == "ai" for each in messages))
        return made


def gated(saver: Any) -> Any:
    model = Counted(turns=[[call("refund", order="A", amount=12)], "done"])
    return create_agent(model, [agents.refund], middleware=[OversightMiddleware("desk")], checkpointer=saver)


def by_langchain(saver: Any) -> Any:
    calls = [call("refund", "1", order="A", amount=10), call("mail", "2", to="c")]
    return test_langchain_middleware.agent("batched", Counted(turns=[calls, "done"]))(saver)


def left(state: State) -> State:
    return {"out": ["left"] if _asked("left") else []}


def right(state: State) -> State:
    return {"out": ["right"] if _asked("right") else []}


def _asked(side: str) -> bool:
    yes = bool(interrupt({"type": "approval", "question": f"Pay on the {side}?"}))
    if yes:
        record(f"{side} paid")
    return yes


def pair(saver: Any) -> Any:
    graph = StateGraph(State).add_node("left", left).add_node("right", right).add_node("after", graphs.after)
    graph.add_edge(START, "left").add_edge(START, "right")
    return graph.add_edge(["left", "right"], "after").compile(checkpointer=saver)


@asynccontextmanager
async def blocking_saver(folder: Path) -> AsyncIterator[Any]:
    with SqliteSaver.from_conn_string(str(folder / "threads.db")) as saver:
        yield saver


# ── what people say, and what a step has done ────────────────────────────────────────────────────────────────


def by_hand(request: PauseRequest) -> Response:
    return request.answer("paid by hand", by="ann")


def in_words(request: PauseRequest) -> Response:
    return request.answer("x", by="ann") if request.kind is Kind.INPUT else request.choose("M", by="ann")


def all_but_b(request: PauseRequest) -> Response:
    return reject(request) if request.title.endswith("b?") else approve(request)


def only_refunds(request: PauseRequest) -> Response:
    return approve(request) if request.action.tool == "refund" else reject(request)


def of_the_line(request: PauseRequest) -> str:
    return {"after": "told", "ask": "paid", "sub": "paid"}.get(_step(request), "paid")


def of_the_side(request: PauseRequest) -> str:
    return "told" if _step(request) == "after" else f"{_step(request)} paid"


def of_the_tool(request: PauseRequest) -> str:
    """A tool's task is given its call alone, in older versions with the state."""
    given: Any = request.context.details["input"]
    sent = given[0] if isinstance(given, list) else given.get("tool_call", {})
    return str(sent.get("name", "nothing"))


def _step(request: PauseRequest) -> str:
    return str(request.action.arguments["step"])


# ── the stories ──────────────────────────────────────────────────────────────────────────────────────────────

PAID, TOLD = {"paid": 1, "told": 1}, {"told": 1}
WORDS: dict[str, Any] = {"codecs": {"left": "boolean", "right": "boolean", "desk": "boolean"}}

STORIES = {
    "gated approve": Story(gated, GO, approve, {"refund": 1}, gated=True),
    "gated edit": Story(gated, GO, editing(amount=7.5), {"refund": 1}, gated=True),
    "gated reject": Story(gated, GO, reject, {}, gated=True),
    "gated respond": Story(gated, GO, by_hand, {}, gated=True),
    "node": Story(graphs.in_a_node, A, approve, PAID, of_the_line),
    "node reject": Story(graphs.in_a_node, A, reject, TOLD, of_the_line),
    "subgraph": Story(graphs.in_a_subgraph, A, approve, PAID, of_the_line),
    "subgraph reject": Story(graphs.in_a_subgraph, A, reject, TOLD, of_the_line),
    "called graph": Story(graphs.in_a_graph_called_by_a_node, A, approve, PAID, of_the_line),
    "fan-out": Story(graphs.fan_out, {"orders": ["a", "b"]}, all_but_b, PAID, of_the_line),
    "two at once": Story(pair, A, approve, {"left paid": 1, "right paid": 1, "told": 1}, of_the_side, WORDS),
    "sequence": Story(graphs.in_sequence, A, in_words, {"sewn": 1}, lambda request: "sewn"),
    "loop": Story(graphs.in_a_loop, A, in_words, {"written": 1}, lambda request: "written"),
    "loop in a subgraph": Story(graphs.questions_in_a_subgraph, A, in_words, {"written": 1}, lambda request: "written"),
    "functional": Story(graphs.functional, A, approve, {"paid": 1}, options=WORDS),
    "functional body": Story(graphs.functional_body, A, in_words, {"paid": 1}),
    "inbox": Story(graphs.agent_inbox, A, approve, {"paid": 1}),
    "inbox edit": Story(graphs.agent_inbox, A, editing(amount=5), {"paid": 1}),
    "one tool node": Story(graphs.in_one_tool_node, {"messages": []}, approve, {"paid": 1}),
    "breakpoint before": Story(graphs.breakpoint_before, A, approve, PAID, of_the_line),
    "breakpoint before reject": Story(graphs.breakpoint_before, A, reject, {}, of_the_line),
    "breakpoint after": Story(graphs.breakpoint_after, A, approve, PAID, of_the_line),
    "breakpoint in a subgraph": Story(graphs.breakpoint_in_a_subgraph, A, approve, PAID, of_the_line),
    "langchain": Story(by_langchain, GO, only_refunds, {"refund": 1}, of_the_tool),
    "blocking saver": Story(
        *(graphs.in_a_node, A, approve, PAID, of_the_line),
        saver=blocking_saver,
        saver_type="langgraph.checkpoint.sqlite:SqliteSaver",
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_killed_anywhere_it_comes_to_its_end(tmp_path: Path, warm: None, name: str) -> None:
    story = STORIES[name]
    found = places(story, tmp_path)
    if os.environ.get("HITL_KILLS") != "all":
        found = found[list(STORIES).index(name) % 3 :: 3]
    assert on_two_cores([partial(killed_at, story, tmp_path, place) for place in found]) == [0, 0]
