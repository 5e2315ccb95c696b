"""A model, or the store, that does not answer: the worker tries again where nothing has run, and only there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph

from hitl_adapters.langgraph import OversightMiddleware
from hitl_core import AgentSpec, ModelSpec, current_call, tool
from hitl_core.protocol import RunState
from hitl_core.testing.clock import ManualClock
from hitl_core.testing.scripted_model import Call, Refuse, Script, ScriptedModel, Step
from tests import desk as desks
from tests.tried_again import (
    is_left_to_a_person,
    is_tried_until_the_model_answers,
    is_tried_when_the_store_is_back,
    worked,
)

from . import agents
from .desk import GO, Desk, record, reject

AWAY = Refuse(status=503, retry_after=0.0, times=6)
"""Twice, as the client itself asks three times."""
PAY = Step(call=(Call(name="refund", arguments={"order": "A", "amount": 12.0}),))
END = Step(say="done")


@tool
def refund(order: str, amount: float) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount, key=current_call().key)
    return "paid"


@dataclass
class Neutral(desks.Desk):
    """An agent that this adapter builds."""

    backend = "langgraph"


def away(step: Step) -> Step:
    return step.model_copy(update={"fault": AWAY})


@contextmanager
def neutral(folder: Path, *steps: Step) -> Iterator[Neutral]:
    with ScriptedModel(Script.of(*steps)) as model:
        yield Neutral(AgentSpec("desk", "You pay.", (refund,), ModelSpec("m", model.base_url)), folder)


async def test_a_model_that_is_away_is_asked_again(tmp_path: Path) -> None:
    with neutral(tmp_path, PAY, away(PAY), END) as at:
        run = await is_tried_until_the_model_answers(at)
        assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"])


async def test_a_store_that_is_away_is_asked_again(tmp_path: Path) -> None:
    with neutral(tmp_path, PAY, END) as at:
        await is_tried_when_the_store_is_back(at)
        assert at.effects == ["refund"]


async def test_after_a_tool_has_begun_nothing_is_tried_again(tmp_path: Path) -> None:
    with neutral(tmp_path, PAY, away(END)) as at:
        await is_left_to_a_person(at)
        assert at.effects == ["refund"]


def chat(url: str) -> ChatOpenAI:
    settings: dict[str, Any] = {"model": "m", "base_url": url, "api_key": "test"}
    return ChatOpenAI(**settings)


def asking(url: str) -> Callable[[Any], Any]:
    """A graph whose second step is its own code, which asks the model too."""

    async def asks(state: MessagesState) -> Any:
        record("asks")
        return {"messages": [await chat(url).ainvoke(state["messages"])]}

    return lambda saver: (
        StateGraph(MessagesState)
        .add_node("agent", create_agent(chat(url), [agents.refund], middleware=[OversightMiddleware()]))
        .add_node("asks", asks)
        .add_edge(START, "agent")
        .add_edge("agent", "asks")
        .compile(checkpointer=saver)
    )


@pytest.mark.parametrize(
    ("safe", "state", "done"),
    [([], RunState.FAILED, ["asks"]), (["asks"], RunState.COMPLETED, ["asks", "asks", "asks"])],
    ids=["unknown", "safe"],
)
async def test_a_step_of_ones_own_is_only_repeated_if_it_is_said_to_be_safe(
    tmp_path: Path, safe: list[str], state: RunState, done: list[str]
) -> None:
    """It may have done something before it has asked its model."""
    with ScriptedModel(Script.of(PAY, END, away(Step(say="over")))) as model:
        clock = ManualClock()
        at = Desk(asking(model.base_url), tmp_path, options={"safe_nodes": safe}, clock=clock)
        run = await at.start(GO)
        await at.say(reject(run.pending[0]))
        for _ in range(3):
            run = await worked(at, run)
            clock.advance(60)
        assert (run.state, at.effects) == (state, done), run.error
