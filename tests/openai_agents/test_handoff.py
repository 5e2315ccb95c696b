"""A person takes the conversation: turns, what the end user says meanwhile, hand back or the last word (P09)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from agents import Agent, RunConfig, SQLiteSession

from hitl_adapters.openai_agents import AgentApp, human_agent
from hitl_core import AgentSpec, ModelSpec
from hitl_core.errors import AppRefused, ResponseRefused
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.testing.scripted_model import Script, Step

from .desk import Desk, approve, chat_model
from .specs import REFUND, calls, refund, says

TRANSFER = calls(("transfer_to_support", {}))


def script(*steps: Step) -> Script:
    """The bot hands over at once, and does the steps when it has the conversation back."""
    return Script.of(TRANSFER, *steps)


def spec(url: str) -> AgentSpec:
    return AgentSpec("bot", "You are a bot.", (refund,), ModelSpec("m", url), human="Support")


def speaking(text: str, *heard: str) -> Callable[[PauseRequest], Response]:
    return lambda request: request.take_over(text, by="bob", heard=heard)


def handing_back(text: str = "", *heard: str, to: str | None = None) -> Callable[[PauseRequest], Response]:
    return lambda request: request.hand_back(text, by="bob", heard=heard, to=to)


def ending(text: str) -> Callable[[PauseRequest], Response]:
    return lambda request: request.answer(text, by="bob")


def shown(request: PauseRequest) -> list[tuple[str, str]]:
    lines: Any = request.action.arguments["conversation"]
    return [(line["role"], line["text"]) for line in lines if line["role"] != "tool"]


async def test_several_turns_then_back_to_the_agent(desk: Callable[..., Desk]) -> None:
    at = desk(spec, script(says("welcome back")))
    run = await at.start("my order is lost")
    (request,) = run.pending
    assert (request.kind, request.action.origin.agent) == ("handoff", "Support")
    assert [option.id for option in request.options] == ["bot"]
    assert shown(request) == [("user", "my order is lost")]
    run = await at.answer(run, speaking("which one?"))
    assert shown(run.pending[0])[-1:] == [("assistant", "[bob] which one?")], run.error
    run = await at.answer(run, speaking("found it", "it is 42"))
    assert shown(run.pending[0])[1:] == [
        ("assistant", "[bob] which one?"),
        ("user", "it is 42"),
        ("assistant", "[bob] found it"),
    ]
    run = await at.answer(run, handing_back("refunded it"))
    assert (run.state, run.output, at.asked) == (RunState.COMPLETED, {"answer": "welcome back"}, (2, 0))
    heard = ["my order is lost", "[bob] which one?", "it is 42", "[bob] found it", "[bob] refunded it"]
    assert at.heard("user") == heard
    assert len(at.heard("assistant")) == 1, "the model reads as its own only what it said"
    assert not any("human_turn" in str(each) for each in at.last)


async def test_the_end_user_alone_may_speak_meanwhile(desk: Callable[..., Desk]) -> None:
    at = desk(spec, TRANSFER)
    run = await at.start("hello")
    run = await at.answer(run, speaking("", "are you there?"))
    assert shown(run.pending[0])[-1] == ("user", "are you there?")
    run = await at.answer(run, ending("yes, and done"))
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "[bob] yes, and done"})
    assert at.asked == (1, 0)


async def test_back_and_on_with_a_gated_call_and_over_to_the_person_again(desk: Callable[..., Desk]) -> None:
    at = desk(spec, script(calls(REFUND), TRANSFER))
    run = await at.answer(await at.start("hello"), handing_back("pay him"))
    assert [(each.action.tool, at.effects) for each in run.pending] == [("refund", [])]
    run = await at.answer(run, approve)
    assert ([each.kind for each in run.pending], at.effects) == (["handoff"], ["refund"]), run.error
    run = await at.answer(run, ending("bye"))
    assert (run.output, at.asked) == ({"answer": "[bob] bye"}, (3, 0))


async def test_words_and_destinations_are_checked(desk: Callable[..., Desk]) -> None:
    at = desk(spec, script(says("welcome back")))
    run = await at.start("hello")
    with pytest.raises(ResponseRefused, match="say something"):
        await at.say(speaking(" ")(run.pending[0]))
    with pytest.raises(ResponseRefused, match="cannot take the conversation"):
        await at.say(handing_back(to="stranger")(run.pending[0]))
    with pytest.raises(ResponseRefused, match="is not offered"):
        await at.say(approve(run.pending[0]))
    run = await at.answer(run, handing_back(to="bot"))
    assert run.state is RunState.COMPLETED


def two_agents(url: str, **config: Any) -> AgentApp:
    """As an SDK developer writes it: a triage agent, a clerk, and a person between them."""
    clerk = Agent(name="Clerk", instructions="You are a clerk.", model=chat_model(url))
    person = human_agent("Support", handoffs=[clerk])
    triage = Agent(name="Triage", instructions="You are triage.", model=chat_model(url), handoffs=[person])
    return AgentApp(triage, **config)


async def test_handed_back_to_another_agent(desk: Callable[..., Desk]) -> None:
    at = desk(two_agents, script(says("the clerk speaks")))
    run = await at.answer(await at.start("hello"), handing_back("ask the clerk", to="Clerk"))
    assert (run.output, at.asked) == ({"answer": "the clerk speaks"}, (2, 0))
    assert at.heard("system") == ["You are a clerk."]


async def test_in_a_session_the_whole_conversation_is_kept(desk: Callable[..., Desk]) -> None:
    at = desk(lambda url: two_agents(url, session=session), script(says("the clerk speaks")))

    def session(thread: str) -> SQLiteSession:
        return SQLiteSession(thread, at.folder / "chat.db")

    run = await at.start("hello", thread="t1")
    run = await at.answer(run, speaking("one moment", "hurry"))
    run = await at.answer(run, handing_back("ask the clerk"))
    assert run.state is RunState.COMPLETED, run.error
    items: list[Any] = list(await session("t1").get_items())
    words = [
        each["content"] if isinstance(each["content"], str) else each["content"][0]["text"]
        for each in items
        if each.get("role") in ("user", "assistant")
    ]
    assert words == ["hello", "hurry", "[bob] one moment", "[bob] ask the clerk", "the clerk speaks"]


@pytest.mark.parametrize("model", ["gpt-4o-mini", chat_model("http://localhost:1/v1")], ids=["name", "model"])
async def test_a_model_for_every_agent_may_not_speak_in_a_persons_place(desk: Callable[..., Desk], model: Any) -> None:
    at = desk(lambda url: two_agents(url, run_config=RunConfig(model=model)), says("never"))
    with pytest.raises(AppRefused, match="in this person's place"):
        await at.start("hello")
    assert at.asked == (0, 0)


async def test_nor_in_agents_that_are_under_oversight_already(desk: Callable[..., Desk]) -> None:
    at = desk(two_agents, script(says("the clerk speaks")))
    kept = two_agents(at.model.base_url)
    at.app = lambda url: kept
    assert (await at.start("hello")).state is RunState.PAUSED
    at.app = lambda url: replace(kept, run_config=RunConfig(model="gpt-4o-mini"))
    with pytest.raises(AppRefused, match="in this person's place"):
        await at.start("hello")


async def test_where_the_provider_keeps_the_conversation_no_person_can_take_it(desk: Callable[..., Desk]) -> None:
    """It would take the person's words for known, and they never reach a model (research §5)."""
    at = desk(lambda url: two_agents(url, how={"conversation_id": "c1"}), says("never"))
    with pytest.raises(AppRefused, match="would never hear"):
        await at.start("hello")
    assert at.asked == (0, 0)
