"""Agents inside agents: pauses surface with their lineage, are answered at once, and nothing is redone (P32)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent

from hitl_adapters.openai_agents import gate_agent
from hitl_adapters.openai_agents.errors import NESTED_TWICE, at_least
from hitl_core import AgentSpec, ModelSpec
from hitl_core.errors import AppRefused
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Conversation, Script
from tests.desk import ALL_GO

from .desk import READS, Desk, answering, approve, chat_model, recorded, reject
from .native import function_tools
from .specs import LOOK_UP, REFUND, ask_lead, calls, look_up, refund, says


def family(url: str) -> AgentSpec:
    where = ModelSpec("m", url)
    clerk = AgentSpec("clerk", "You are a clerk.", (look_up, refund), where, description="Pays")
    mailer = AgentSpec("mailer", "You are a mailer.", (ask_lead,), where, description="Mails")
    return AgentSpec("boss", "You are the boss.", (), where, (clerk, mailer))


CLERK = Conversation(name="clerk", system="a clerk", steps=(calls(LOOK_UP, REFUND), says("clerk is done")))
MAILER = Conversation(
    name="mailer", system="a mailer", steps=(calls(("ask_lead", {"question": "Whom?"})), says("mailed {{tool_result}}"))
)
BOTH = (("clerk", {"task": "pay A"}), ("mailer", {"task": "mail A"}))


async def test_pauses_of_two_sub_agents_are_answered_together(desk: Callable[..., Desk]) -> None:
    script = Script(conversations=(CLERK, MAILER), steps=(calls(*BOTH), says("all done")))
    at = desk(family, script, policy=READS)
    run = await at.start("please")
    shown = [(r.action.tool, r.action.origin.agent, r.action.origin.path) for r in run.pending]
    assert sorted(shown) == [("ask_lead", "mailer", ("boss", "mailer")), ("refund", "clerk", ("boss", "clerk"))]
    by_tool = {"refund": approve, "ask_lead": answering("Mira")}
    run = await at.answer(run, *(by_tool[request.action.tool] for request in run.pending))
    assert (run.state, run.output, at.asked) == (RunState.COMPLETED, {"answer": "all done"}, (6, 0)), run.error
    assert at.effects == ["look_up", "refund"]
    assert sorted(at.heard()) == ["clerk is done", "mailed Mira"]


async def test_answered_one_after_the_other(desk: Callable[..., Desk]) -> None:
    script = Script(conversations=(CLERK, MAILER), steps=(calls(*BOTH), says("all done")))
    at = desk(family, script, policy=READS)
    run = await at.start("please")
    pay, ask = sorted(run.pending, key=lambda request: request.action.tool, reverse=True)
    await at.say(reject(pay))
    run = await at.resume(run)
    assert [request.id for request in run.pending] == [ask.id]
    await at.say(answering("Mira")(ask))
    run = await at.resume(run)
    assert (run.state, at.asked) == (RunState.COMPLETED, (6, 0)), run.error
    assert at.effects == ["look_up"]


async def test_two_calls_of_one_sub_agent_in_parallel_are_two_conversations(desk: Callable[..., Desk]) -> None:
    """The same request gets the same call ids from the model; they are kept apart (research §4)."""
    twice = (("clerk", {"task": "pay A"}), ("clerk", {"task": "pay A"}))
    script = Script(conversations=(CLERK,), steps=(calls(*twice), says("all done")), call_ids="repeat")
    at = desk(family, script, policy=READS)
    run = await at.start("please")
    first, second = run.pending
    assert first.call != second.call
    run = await at.answer(run, approve, reject)
    assert run.state is RunState.COMPLETED, run.error
    assert [each["effect"] for each in recorded()] == ["look_up", "look_up", "refund"]


def nested(url: str) -> Agent[Any]:
    """As an SDK developer writes it: an agent used as a tool, which needs approval itself."""
    inner = gate_agent(
        Agent(name="helper", instructions="You are a helper.", model=chat_model(url), tools=function_tools())
    )
    ask = inner.as_tool("help_out", "Let the helper do it", needs_approval=True)
    return Agent(name="boss", instructions="You are the boss.", model=chat_model(url), tools=[ask])


HELPER = Conversation(name="helper", system="a helper", steps=(calls(LOOK_UP, REFUND), says("helper is done")))
BY_HAND = ALL_GO.replace("autonomous", "human_leads")
HELP = calls(("help_out", {"input": "pay A"}))


async def test_a_pause_inside_an_approved_agent_tool(desk: Callable[..., Desk]) -> None:
    at = desk(nested, Script(conversations=(HELPER,), steps=(HELP, says("boss is done"))), policy=READS)
    run = await at.start()
    assert [(r.action.tool, r.action.origin.agent) for r in run.pending] == [("help_out", "boss")]
    run = await at.answer(run, approve)
    assert [(r.action.tool, r.action.origin.path) for r in run.pending] == [("refund", ("boss", "helper"))], run.error
    run = await at.answer(run, approve)
    assert (run.state, run.output, at.asked) == (RunState.COMPLETED, {"answer": "boss is done"}, (4, 0)), run.error
    assert at.effects == ["look_up", "refund"]


async def test_a_refused_agent_tool_never_starts_its_agent(desk: Callable[..., Desk]) -> None:
    at = desk(nested, Script(conversations=(HELPER,), steps=(HELP, says("boss is done"))))
    run = await at.answer(await at.start(), reject)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, [], (2, 0)), run.error


async def test_an_agent_tool_whose_work_a_person_did_is_told_as_theirs(desk: Callable[..., Desk]) -> None:
    script = Script(conversations=(HELPER,), steps=(HELP, says("boss is done")))
    at = desk(nested, script, policy=BY_HAND)
    run = await at.answer(await at.start(), lambda request: request.report("done", "paid A", by="ann"))
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, [], (2, 0)), run.error
    assert "A person has done this by hand" in at.heard()[-1]


def deep(url: str) -> AgentSpec:
    where = ModelSpec("m", url)
    clerk = AgentSpec("clerk", "You are a clerk.", (look_up, refund), where, description="Pays")
    middle = AgentSpec("middle", "You are the middle.", (), where, (clerk,), description="Passes on")
    return AgentSpec("boss", "You are the boss.", (), where, (middle,))


MIDDLE = Conversation(
    name="middle", system="the middle", steps=(calls(("clerk", {"task": "pay A"})), says("middle is done"))
)
DEEP = Script(conversations=(CLERK, MIDDLE), steps=(calls(("middle", {"task": "pay A"})), says("all done")))


async def test_two_agent_tools_deep(desk: Callable[..., Desk]) -> None:
    """Resolved where the SDK can, refused by name where it would ask for ever (research §4, §8)."""
    at = desk(deep, DEEP, policy=READS)
    if not at_least(NESTED_TWICE):
        with pytest.raises(AppRefused, match="two agent tools deep"):
            await at.start("please")
        return
    run = await at.start("please")
    assert [r.action.origin.path for r in run.pending] == [("boss", "middle", "clerk")]
    run = await at.answer(run, approve)
    assert (run.state, run.output, at.asked) == (RunState.COMPLETED, {"answer": "all done"}, (6, 0)), run.error
    assert at.effects == ["look_up", "refund"]
