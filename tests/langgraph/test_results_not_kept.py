"""A result that cannot be kept (it is no JSON, or too large) is told to the model as what it is: the tool ran. It does
not end the run, and nothing runs again, whatever the tool is and however it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, cast

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, InjectedToolCallId, tool
from langgraph.types import Command

from hitl_adapters.langgraph.building import as_langchain
from hitl_core import tool as neutral_tool
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import Run, RunState

from . import agents
from .desk import GO, Desk, approve, record
from .played import PlayedModel, call
from .test_gated_tools import in_threads

Made = Callable[..., Desk]
TOO_LARGE = "x" * 2_000_000


@tool("refund")
async def tells_too_much(order: str) -> str:
    """Pay back."""
    record("refund")
    return TOO_LARGE


@tool("refund", response_format="content_and_artifact")
async def shows_an_object(order: str) -> tuple[str, object]:
    """Pay back."""
    record("refund")
    return "paid", object()


@tool("refund")
async def changes_the_state(order: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
    """Pay back."""
    record("refund")
    return Command(update={"messages": [ToolMessage("paid", tool_call_id=tool_call_id)], "seen": {object()}})


@tool("refund")
def tells_too_much_in_a_thread(order: str) -> str:
    """Pay back."""
    record("refund")
    return TOO_LARGE


def neutral() -> BaseTool:
    @neutral_tool
    def refund(order: str) -> Any:
        """Pay back."""
        record("refund")
        return {object()}

    return as_langchain(refund)


@pytest.mark.parametrize("way", [agents.agent, agents.node_graph], ids=["middleware", "tool node"])
@pytest.mark.parametrize(
    "refund",
    [tells_too_much, shows_an_object, changes_the_state, neutral()],
    ids=["too large", "an artifact", "a command", "neutral"],
)
async def test_the_model_is_told_that_it_ran(desk: Made, way: Any, refund: Any) -> None:
    model = PlayedModel(turns=[[call("refund", order="A")], "done"])
    at = desk(way(model, [refund]))
    await holds(at, await at.answer(await at.start(GO), approve), model.told())


async def test_also_in_a_graph_that_runs_in_threads(desk: Made) -> None:
    model = PlayedModel(turns=[[call("refund", order="A")], "done"])
    at = desk(agents.agent(model, [tells_too_much_in_a_thread]), saver=in_threads)
    await holds(at, await at.answer(await at.start(GO), approve), model.told())


async def test_also_when_the_node_runs_again(desk: Made) -> None:
    """Two calls in one node: what the first one came to is told again, in the same words, after the second pause."""
    model = PlayedModel(turns=[[call("refund", order="A"), call("look_up", "look-1", order="A")], "done"])
    at = desk(agents.node_graph(model, [tells_too_much, agents.look_up]))
    run = await at.answer(await at.start(GO), approve, approve)
    await holds(at, run, model.told()[:1])


@pytest.mark.parametrize("result", [{object()}, TOO_LARGE], ids=["no JSON", "too large"])
@pytest.mark.parametrize("sync", [False, True], ids=["async", "in a thread"])
async def test_the_app_is_told_of_its_own_function(desk: Made, sync: bool, result: Any) -> None:
    at = desk(agents.catches(sync, lambda: result), policy=agents.ALL_GO, harmless=("fails",))
    run = await at.answer(await at.start({}), approve)
    told = cast("Any", run.output)["out"]
    assert told == [told[0]] * 2, "the node ran twice"
    await holds(at, run, told[:1], "tried")


async def holds(at: Desk, run: Run, told: list[str], did: str = "refund") -> None:
    """The run is completed, the tool ran once, and its caller read what the record says."""
    assert (run.state, run.error, at.effects.count(did)) == (RunState.COMPLETED, "", 1)
    async with at.open() as hitl:
        (effect,) = (each for each in await hitl.effects(run.id) if each.state is ActionState.FAILED)
    assert told == [effect.error]
    assert effect.error.startswith("It ran, but its result cannot be kept: ")
    assert effect.error.endswith("What it did is done; do not repeat it.")
