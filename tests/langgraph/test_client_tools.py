"""Client tools: what every backend does with them, and agents of one's own with our middleware."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import tools_condition

from hitl_adapters.langgraph import OversightMiddleware, gated_tool_node
from hitl_core.errors import AppChanged, ToolsRefused
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Step
from tests.client_tools import HOUSE, MAP, SHOP, ClientTools, Play, results_in, tools_in

from .desk import GO, Desk, answering, recorded
from .test_steering import in_a_thread

Made = Callable[..., Desk]


@tool
async def look_up(order: str) -> str:
    """Look at an order."""
    return "seen"


@tool("show-Map")
def own_map(zoom: int) -> str:
    """A tool of the app with the name of the page's."""
    return "shown"


def chat(url: str) -> ChatOpenAI:
    settings: dict[str, Any] = {"model": "m", "base_url": url, "api_key": "test"}
    return ChatOpenAI(**settings)


class AddsAMap(AgentMiddleware[Any, Any, Any]):
    """Tells the model of a tool that the graph does not have."""

    def wrap_model_call(self, request: ModelRequest[Any], handler: Any) -> Any:
        return handler(request.override(tools=[*request.tools, own_map]))

    async def awrap_model_call(self, request: ModelRequest[Any], handler: Any) -> Any:
        return await handler(request.override(tools=[*request.tools, own_map]))


def agent(url: str, *tools: Any, before: tuple[Any, ...] = ()) -> Callable[[Any], Any]:
    middleware = [*before, OversightMiddleware("desk")]
    return lambda saver: create_agent(chat(url), list(tools), middleware=middleware, checkpointer=saver)


def inside(url: str) -> Callable[[Any], Any]:
    """An agent with our middleware, as a node of a graph."""
    inner = create_agent(chat(url), [look_up], middleware=[OversightMiddleware("desk")])
    return lambda saver: StateGraph(MessagesState).add_node("agent", inner).add_edge(START, "agent").compile(saver)


def by_hand(url: str) -> Callable[[Any], Any]:
    """A loop whose node calls the model itself."""

    async def speaks(state: MessagesState) -> Any:
        return {"messages": [await chat(url).ainvoke(state["messages"])]}

    def build(saver: Any) -> Any:
        graph = StateGraph(MessagesState).add_node("chat", speaks).add_node("tools", gated_tool_node([look_up]))
        graph.add_edge(START, "chat").add_conditional_edges("chat", tools_condition).add_edge("tools", "chat")
        return graph.compile(checkpointer=saver)

    return build


class TestClientTools(ClientTools):
    backend = "langgraph"

    @pytest.mark.parametrize("saver", [None, in_a_thread], ids=["on the loop", "in a thread"])
    @pytest.mark.parametrize("tools", [(look_up,), ()], ids=["beside a tool", "alone"])
    async def test_an_agent_of_ones_own_is_given_them(self, desk: Made, play: Play, saver: Any, tools: Any) -> None:
        model = play(self.shows(SHOP, HOUSE))
        at = desk(agent(model.base_url, *tools), saver=saver)
        run = await at.start(GO, tools=(MAP,))
        assert tools_in(model)[MAP.name]["parameters"] == MAP.parameters
        assert [each.action.arguments for each in run.pending] == [SHOP, HOUSE]
        run = await at.answer(run, answering("north"), answering("south"))
        assert (run.state, list(results_in(model).values())) == (RunState.COMPLETED, ["north", "south"]), run.error

    async def test_a_call_of_what_the_run_has_not_is_told(self, desk: Made, play: Play) -> None:
        model = play(self.shows(SHOP))
        run = await desk(agent(model.base_url, look_up)).start(GO)
        assert run.state is RunState.COMPLETED, run.error
        assert list(results_in(model).values()) == ["There is no tool 'show-Map'; nothing was run."]

    @pytest.mark.parametrize("build", [inside, by_hand])
    async def test_a_graph_that_is_no_agent_of_ours_has_no_room(self, desk: Made, play: Play, build: Any) -> None:
        model = play(Step(say="unused"))
        async with desk(build(model.base_url)).open() as hitl:
            with pytest.raises(ToolsRefused, match=r"\(show-Map\) have no place here: the graph is no create_agent"):
                await hitl.start(GO, tools=(MAP,))
            assert (await hitl.runs()).items == ()
        assert model.calls == ()

    async def test_a_tool_of_the_graph_has_its_name(self, desk: Made, play: Play) -> None:
        model = play(Step(say="unused"))
        async with desk(agent(model.base_url, own_map)).open() as hitl:
            with pytest.raises(ToolsRefused, match=r"tools\.show-Map: is the name of a tool of the app"):
                await hitl.start(GO, tools=(MAP,))

    async def test_a_tool_that_a_middleware_adds_has_its_name(self, desk: Made, play: Play, tmp_path: Path) -> None:
        model = play(self.shows(SHOP))
        run = await desk(agent(model.base_url, look_up, before=(AddsAMap(),))).start(GO, tools=(MAP,))
        assert (run.state, run.error[:8]) == (RunState.FAILED, AppChanged.code)
        assert (model.calls, recorded()) == ((), [])
