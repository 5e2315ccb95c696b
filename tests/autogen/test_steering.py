"""Guidance: for agents and not for the manager of a team, streamed or not, and where it entered (P63)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat

from hitl_core import Run
from hitl_core.protocol import GuidanceState, RunState
from hitl_core.testing.scripted_model import Rule, Script, ScriptedModel, When

from .desk import Desk, answering
from .teams import assistant, cast_of, client, user

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]
SAID = "Write to them in Portuguese."


async def steer(at: Desk, run: Run) -> None:
    async with at.open() as hitl:
        await hitl.steer(run.id, SAID, by="bob")


async def states(at: Desk, run: Run) -> list[GuidanceState]:
    async with at.open() as hitl:
        return [each.state for each in await hitl.guidance(run.id)]


def told(model: ScriptedModel, name: str) -> list[list[int]]:
    """Where it stood in each call of one agent's model."""
    bodies: list[Any] = [call.body for call in model.calls if call.model == name]
    return [[n for n, each in enumerate(body["messages"]) if SAID in str(each["content"])] for body in bodies]


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_stays_where_it_entered(desk: Made, plays: Plays, streamed: bool) -> None:
    model = plays(cast_of(writer=["one", "two", "done"]))

    def build() -> RoundRobinGroupChat:
        members: list[Any] = [assistant(model, "writer", model_client_stream=streamed), user()]
        return RoundRobinGroupChat(members, termination_condition=TextMentionTermination("done"))

    at = desk(build)
    run = await at.start("write")
    await steer(at, run)
    run = await at.answer(run, answering("go on"))
    assert await states(at, run) == [GuidanceState.CONSUMED]
    run = await at.answer(run, answering("and on"))
    assert run.state is RunState.COMPLETED, run.error
    first, second, third = told(model, "writer")
    assert (first, len(second)) == ([], 1)
    assert third == second


async def test_a_manager_is_not_told(desk: Made, plays: Plays) -> None:
    chief = [
        Rule(when=When(user="user: go on"), say="writer"),
        Rule(when=When(user="writer: hm"), say="user"),
        Rule(when=When(user="Who?"), say="writer"),
    ]
    model = plays(cast_of(chief=chief, writer=["hm", "done"]))

    def build() -> SelectorGroupChat:
        members: list[Any] = [assistant(model, "writer"), user()]
        return SelectorGroupChat(
            members,
            client(model, "chief"),
            termination_condition=TextMentionTermination("done"),
            selector_prompt="Who? {roles} {participants} {history}",
            allow_repeated_speaker=True,
        )

    at = desk(build)
    run = await at.start("write")
    await steer(at, run)
    run = await at.answer(run, answering("go on"))
    assert run.state is RunState.COMPLETED, run.error
    assert [len(each) for each in told(model, "writer")] == [0, 1]
    assert not any(told(model, "chief"))
