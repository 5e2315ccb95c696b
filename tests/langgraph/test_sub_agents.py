"""Agents inside agents: pauses surface with their lineage, are answered at once, and nothing is redone (P32)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool

from hitl_adapters.langgraph import OversightMiddleware
from hitl_core import AgentSpec, AppSource, Config, ModelSpec, Policy, connect, question
from hitl_core import tool as neutral_tool
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Call, Conversation, Script, ScriptedModel, Step, repeated_calls

from . import agents
from .desk import GO, Desk, answering, approve, record, recorded, reject
from .played import PlayedModel, call


def clerk_calls(order: str) -> Step:
    return Step(call=(Call(name="note", arguments={"order": order}), Call(name="pay", arguments={"order": order})))


SCRIPT = Script(
    conversations=(
        Conversation(name="clerk", system="You are a clerk.", steps=(clerk_calls("A"), Step(say="clerk is done"))),
        Conversation(
            name="mailer",
            system="You are a mailer.",
            steps=(
                Step(call=(Call(name="ask_lead", arguments={"question": "Whom?"}),)),
                Step(say="mailed {{tool_result}}"),
            ),
        ),
    ),
    steps=(
        Step(call=(Call(name="clerk", arguments={"task": "pay A"}), Call(name="mailer", arguments={"task": "mail A"}))),
        Step(say="all done"),
    ),
)


@neutral_tool(reversible=True)
def note(order: str) -> str:
    """Write it down."""
    record("noted", order=order)
    return "noted"


@neutral_tool
def pay(order: str) -> str:
    """Pay back."""
    record("paid", order=order)
    return "paid"


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(SCRIPT, log_bodies=True) as running:
        yield running


def config(folder: Path, model: ScriptedModel) -> Config:
    where = ModelSpec("m", model.base_url)
    clerk = AgentSpec("clerk", "You are a clerk.", (note, pay), where, description="Pays")
    mailer = AgentSpec("mailer", "You are a mailer.", (question("ask_lead", "Ask"),), where, description="Mails")
    boss = AgentSpec("boss", "You are the boss.", (), where, (clerk, mailer))
    policy = agents.READS.replace("look_up", "note")
    return Config(
        backend="langgraph",
        app=AppSource("desk:spec", boss, folder=folder),
        store_url="sqlite:///store.db",
        policy=Policy.from_toml(policy, name="test"),
        options={"checkpointer": "sqlite:///threads.db"},
        folder=folder,
    )


async def test_pauses_of_two_sub_agents_are_answered_together(tmp_path: Path, model: ScriptedModel) -> None:
    async with connect(config(tmp_path, model)) as hitl:
        run = await hitl.start("please")
        shown = [(r.action.tool, r.action.origin.agent, r.action.origin.path[0]) for r in run.pending]
        assert sorted(shown) == [("ask_lead", "mailer", "tools"), ("pay", "clerk", "tools")]
        paths = sorted(r.action.origin.path for r in run.pending)
        assert paths == [("tools", "clerk", "tools"), ("tools", "mailer", "tools")]
    async with connect(config(tmp_path, model)) as hitl:
        for request in run.pending:
            await hitl.respond(approve(request) if request.action.tool == "pay" else answering("Mira")(request))
        run = await hitl.resume(run.id)
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "all done"})
    assert [each["effect"] for each in recorded()] == ["noted", "paid"]
    assert (len(model.calls), repeated_calls(model.calls)) == (6, ())


def nested(inner: PlayedModel, outer: PlayedModel) -> Callable[[Any], Any]:
    """An agent whose gated tool runs another agent, as a LangChain developer writes it."""
    helper = create_agent(inner, [agents.refund, agents.look_up], middleware=[OversightMiddleware("helper")])

    @tool
    async def help_out(task: str) -> str:
        """Let the helper do it."""
        record("helped")
        result = await helper.ainvoke(cast("Any", {"messages": [("user", task)]}))
        return str(result["messages"][-1].content)

    return lambda saver: create_agent(outer, [help_out], middleware=[OversightMiddleware("boss")], checkpointer=saver)


async def test_a_pause_inside_an_approved_tool(desk: Callable[..., Desk]) -> None:
    inner = PlayedModel(turns=[[call("look_up", order="A"), call("refund", order="A", amount=12)], "helper is done"])
    outer = PlayedModel(turns=[[call("help_out", task="pay A")], "boss is done"])
    at = desk(nested(inner, outer), policy=agents.READS)
    run = await at.start(GO)
    assert [(r.action.tool, r.action.origin.agent, at.effects) for r in run.pending] == [("help_out", "boss", [])]
    run = await at.answer(run, approve)
    assert [(r.action.tool, r.action.origin.agent) for r in run.pending] == [("refund", "helper")], run.error
    run = await at.answer(run, approve)
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "boss is done"})
    assert at.effects == ["helped", "looked", "helped", "refund"]
    assert (len(inner.seen), len(outer.seen)) == (2, 2)
    assert outer.told() == ["helper is done"]


async def test_a_refused_outer_tool_never_starts_its_agent(desk: Callable[..., Desk]) -> None:
    inner = PlayedModel(turns=[[call("refund", order="A", amount=12)], "helper is done"])
    outer = PlayedModel(turns=[[call("help_out", task="pay A")], "boss is done"])
    at = desk(nested(inner, outer))
    run = await at.answer(await at.start(GO), reject)
    assert (run.state, at.effects, inner.seen) == (RunState.COMPLETED, [], [])
