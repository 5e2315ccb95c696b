"""Guidance: in every later call of a model where it entered, streamed or not, for agents and not for people (P63)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agents import SQLiteSession

from hitl_adapters.openai_agents import AgentApp
from hitl_core import AgentSpec, ModelSpec, Run
from hitl_core.protocol import GuidanceState, RunState
from hitl_core.testing.scripted_model import Refuse, Script, Step

from .desk import READS, Desk, approve, reject
from .native import unchanged
from .specs import LOOK_UP, REFUND, calls, desk_spec, refund, says

Made = Callable[..., Desk]
SAID = "Write to them in Portuguese."
WHOLE = ("refund", {"order": "A", "amount": 12.0, "note": ""})
END = says("all done")


async def steer(at: Desk, run: Run) -> None:
    async with at.open() as hitl:
        await hitl.steer(run.id, SAID, by="bob")


async def states(at: Desk, run: Run) -> list[GuidanceState]:
    async with at.open() as hitl:
        return [each.state for each in await hitl.guidance(run.id)]


def places(at: Desk) -> list[list[int]]:
    """Where it stood in each call that the model got."""
    bodies: list[Any] = [call.body for call in at.calls]
    return [[n for n, each in enumerate(body["messages"]) if SAID in str(each["content"])] for body in bodies]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("app", [desk_spec, unchanged], ids=["gated", "native"])
async def test_it_stays_where_it_entered(desk: Made, app: Any, streamed: bool) -> None:
    pays = WHOLE if app is unchanged else REFUND
    at = desk(app, calls(pays), calls(LOOK_UP), calls(pays), END, policy=READS)
    run = await at.start()
    await steer(at, run)
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        if streamed:
            assert [event async for event in hitl.stream_resume(run.id)]
        run = await hitl.resume(run.id)
    run = await at.answer(run, approve)
    assert (run.state, at.asked) == (RunState.COMPLETED, (4, 0)), run.error
    assert places(at) == [[], [4], [4], [4]], "after the result of the first call"
    assert await states(at, run) == [GuidanceState.CONSUMED]


async def test_a_model_call_that_failed_is_made_again_with_it(desk: Made) -> None:
    at = desk(desk_spec, calls(REFUND), Step(say="all done", fault=Refuse(status=400, times=1)))
    run = await at.start()
    await steer(at, run)
    run = await at.answer(run, approve)
    assert run.state is RunState.FAILED
    run = await at.resume(run)
    assert run.state is RunState.COMPLETED, run.error
    assert places(at) == [[], [4], [4]]


async def test_a_branch_has_what_entered_after_its_pause_too(desk: Made) -> None:
    at = desk(desk_spec, calls(REFUND), END)
    run = await at.start()
    await steer(at, run)
    run = await at.answer(run, approve)
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="eve", reason="wrong account")
    run = await at.answer(run, reject)
    assert (run.state, places(at)) == (RunState.COMPLETED, [[], [4], [4]]), run.error
    assert at.effects == ["refund"], "and the call was refused"


async def test_a_branch_has_what_entered_before_its_pause(desk: Made) -> None:
    at = desk(desk_spec, calls(REFUND), calls(REFUND), END)
    run = await at.start()
    await steer(at, run)
    run = await at.answer(run, approve)
    run = await at.answer(run, approve)
    assert places(at) == [[], [4], [4]]
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="eve", reason="once more")
    run = await at.answer(run, reject)
    assert run.state is RunState.COMPLETED, run.error
    assert places(at)[3:] == [[4]]


async def test_a_session_keeps_what_was_said_and_not_what_was_told(desk: Made) -> None:
    def chat(url: str) -> AgentApp:
        return AgentApp(unchanged(url), session=lambda thread: SQLiteSession(thread, at.folder / "chat.db"))

    at = desk(chat, calls(WHOLE), END)
    run = await at.start()
    await steer(at, run)
    run = await at.answer(run, approve)
    assert (run.state, places(at)) == (RunState.COMPLETED, [[], [4]]), run.error
    items = await SQLiteSession(run.thread, at.folder / "chat.db").get_items()
    assert not any(SAID in str(item) for item in items)


async def test_a_person_who_has_the_floor_is_not_a_model(desk: Made) -> None:
    def spec(url: str) -> AgentSpec:
        return AgentSpec("bot", "You are a bot.", (refund,), ModelSpec("m", url), human="Support")

    at = desk(spec, Script.of(calls(("transfer_to_support", {})), END))
    run = await at.start("my order is lost")
    await steer(at, run)
    run = await at.answer(run, lambda request: request.take_over("which one?", by="bob"))
    assert await states(at, run) == [GuidanceState.QUEUED]
    assert SAID not in str(run.pending[0].action.arguments)
    run = await at.answer(run, lambda request: request.hand_back("refund it", by="bob"))
    assert (run.state, len(places(at)[-1])) == (RunState.COMPLETED, 1), run.error
    assert await states(at, run) == [GuidanceState.CONSUMED]
