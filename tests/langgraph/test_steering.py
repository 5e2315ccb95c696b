"""Guidance in LangGraph: around the model call of an agent, in a node that asks for it, in threads and sub-agents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import tools_condition

from hitl_adapters.langgraph import OversightMiddleware, aguidance, gated_tool_node, guidance
from hitl_core import Run
from hitl_core.errors import NoRun
from hitl_core.protocol import Guidance, GuidanceState, RunState

from . import agents
from .desk import GO, Desk, approve, reject
from .played import PlayedModel, call

Made = Callable[..., Desk]
SAID = "Write to them in Portuguese."
TURNS = [[call("refund", "r-1", order="A", amount=1)], [call("refund", "r-2", order="B", amount=2)], "done"]


def places(messages: list[BaseMessage]) -> list[int]:
    return [number for number, message in enumerate(messages) if SAID in str(message.content)]


async def steer(at: Desk, run: Run) -> Guidance:
    async with at.open() as hitl:
        return await hitl.steer(run.id, SAID, by="bob")


async def seen(at: Desk, run: Run) -> list[tuple[GuidanceState, str]]:
    async with at.open() as hitl:
        return [(each.state, each.place) for each in await hitl.guidance(run.id)]


def asked_for(model: PlayedModel, tools: list[Any]) -> Callable[[Any], Any]:
    """A hand-built loop whose node asks for guidance itself."""

    async def chat(state: MessagesState) -> dict[str, Any]:
        told = await aguidance()
        return {"messages": [*told, await model.ainvoke([*state["messages"], *told])]}

    def build(saver: Any) -> Any:
        graph = StateGraph(MessagesState).add_node("chat", chat).add_node("tools", gated_tool_node(tools))
        graph.add_edge(START, "chat").add_conditional_edges("chat", tools_condition).add_edge("tools", "chat")
        return graph.compile(checkpointer=saver)

    return build


def asked_for_in_a_thread(model: PlayedModel, tools: list[Any]) -> Callable[[Any], Any]:
    def chat(state: MessagesState) -> dict[str, Any]:
        told = guidance()
        return {"messages": [*told, model.invoke([*state["messages"], *told])]}

    def build(saver: Any) -> Any:
        graph = StateGraph(MessagesState).add_node("chat", chat).add_node("tools", gated_tool_node(tools))
        graph.add_edge(START, "chat").add_conditional_edges("chat", tools_condition).add_edge("tools", "chat")
        return graph.compile(checkpointer=saver)

    return build


@pytest.mark.parametrize("way", [agents.agent, asked_for], ids=["middleware", "asked for in a node"])
async def test_it_stands_once_before_the_answer_to_it_and_stays_there(desk: Made, way: Any) -> None:
    model = PlayedModel(turns=TURNS)
    at = desk(way(model, [agents.refund]))
    run = await at.start(GO)
    await steer(at, run)
    run = await at.answer(run, approve)
    assert places(model.seen[-1]) == [3], "after the tool's result"
    run = await at.answer(run, approve)
    assert run.state is RunState.COMPLETED
    assert [places(messages) for messages in model.seen] == [[], [3], [3]]
    ((state, place),) = await seen(at, run)
    assert (state, bool(place)) == (GuidanceState.CONSUMED, True)


@pytest.mark.parametrize("way", [agents.agent, asked_for_in_a_thread], ids=["middleware", "asked for in a node"])
async def test_a_graph_that_runs_in_a_thread_hears_it_too(desk: Made, way: Any) -> None:
    model = PlayedModel(turns=TURNS)
    at = desk(way(model, [agents.sync_refund]), saver=in_a_thread)
    run = await at.start(GO)
    await steer(at, run)
    run = await at.answer(run, approve)
    run = await at.answer(run, approve)
    assert [places(messages) for messages in model.seen] == [[], [3], [3]]


@asynccontextmanager
async def in_a_thread(folder: Path) -> AsyncIterator[SqliteSaver]:
    """A saver without an async face: the graph runs in a thread."""
    with SqliteSaver.from_conn_string(str(folder / "threads.db")) as saver:
        yield saver


class Unsteady(PlayedModel):
    """Fails at its second call, `fails` times."""

    fails: int = 1

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> Any:
        if self.fails and any(isinstance(message, AIMessage) for message in messages):
            self.fails -= 1
            self.seen.append(list(messages))
            raise ConnectionError("no line")
        return super()._generate(messages, *args, **options)


@pytest.mark.parametrize("ask_again", [False, True])
async def test_a_model_call_that_failed_is_made_again_with_it(desk: Made, ask_again: bool) -> None:
    """`ask_again` makes a new branch of the thread; the message before the call is the same there."""
    model = Unsteady(turns=TURNS)
    at = desk(agents.agent(model, [agents.refund]))
    run = await at.start(GO)
    await steer(at, run)
    run = await at.answer(run, approve)
    assert run.state is RunState.FAILED
    async with at.open() as hitl:
        run = await hitl.resume(run.id, ask_again=ask_again)
    assert run.state is RunState.PAUSED
    assert [places(messages) for messages in model.seen] == [[], [3], [3]]
    assert len(await seen(at, run)) == 1


async def test_a_retry_by_another_middleware_tells_it_again_not_twice(desk: Made) -> None:
    model = Unsteady(turns=TURNS)
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0.0, jitter=False)
    at = desk(
        lambda saver: create_agent(
            model, [agents.refund], middleware=[retry, OversightMiddleware("desk")], checkpointer=saver
        )
    )
    run = await at.start(GO)
    await steer(at, run)
    run = await at.answer(run, approve)
    run = await at.answer(run, approve)
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done"})
    assert [places(messages) for messages in model.seen] == [[], [3], [3], [3]]


async def test_a_run_taken_back_has_what_entered_before_its_pause(desk: Made) -> None:
    model = PlayedModel(turns=TURNS)
    at = desk(agents.agent(model, [agents.refund]))
    run = await at.start(GO)
    await steer(at, run)
    run = await at.answer(run, approve)
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="bob")
    run = await at.answer(run, approve)
    assert run.state is RunState.COMPLETED
    assert places(model.seen[-1]) == [3]


async def test_a_run_taken_back_has_what_entered_after_its_pause_too(desk: Made) -> None:
    model = PlayedModel(turns=[TURNS[0], "done"])
    at = desk(agents.agent(model, [agents.refund]))
    run = await at.start(GO)
    await steer(at, run)
    run = await at.answer(run, approve)
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="bob")
    run = await at.answer(run, reject)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"])
    assert [places(messages) for messages in model.seen] == [[], [3], [3]]


async def test_an_agent_that_is_called_without_a_run_hears_nobody(desk: Made) -> None:
    model = PlayedModel(turns=["done"])
    made: Any = create_agent(model, [agents.refund], middleware=[OversightMiddleware("desk")])
    assert (await made.ainvoke({"messages": [("user", "go")]}))["messages"][-1].content == "done"
    with pytest.raises(NoRun):
        guidance()
