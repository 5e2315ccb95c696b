"""What a model answered is kept before anything follows from it; until then the team goes on (P40)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.teams import RoundRobinGroupChat

from hitl_adapters.autogen.suspend import Memory
from hitl_core.errors import AppChanged, StoreUnavailable
from hitl_core.gate import Gate
from hitl_core.protocol import Json, RunState
from hitl_core.testing.scripted_model import Script, ScriptedModel

from .desk import ALL_GO, Desk, recorded
from .teams import Stranger, assistant, cast_of
from .test_code import CODE
from .test_code import team as coding
from .test_teams import look_up, refund, tool_call

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[ScriptedModel], list[tuple[int, int]]]:
    """Nothing is kept before somebody waits for it; `slow(model)` has the model calls and effects there were then."""
    remember, written, waited = Gate.remember, Memory.written, asyncio.Event()
    found: list[tuple[int, int]] = []

    def watched(model: ScriptedModel) -> list[tuple[int, int]]:
        async def slowly(gate: Gate, key: str, value: Json) -> Json:
            await waited.wait()
            found.append((len(model.calls), len(recorded())))
            return await remember(gate, key, value)

        monkeypatch.setattr(Gate, "remember", slowly)
        return found

    async def waits(memory: Memory) -> None:
        waited.set()
        await written(memory)
        waited.clear()

    monkeypatch.setattr(Memory, "written", waits)
    return watched


async def test_no_other_model_call_begins_before(desk: Made, plays: Plays, slow: Any) -> None:
    model = plays(cast_of(a=["a1"], b=["b1"]))
    found = slow(model)
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "a"), assistant(model, "b")], max_turns=2))
    assert (await at.start("go")).state is RunState.COMPLETED
    assert found == [(1, 0), (2, 0)]


async def test_no_tool_begins_before(desk: Made, plays: Plays, slow: Any) -> None:
    model = plays(cast_of(clerk=[tool_call("look_up", order="A"), "done"]))
    found = slow(model)
    at = desk(lambda: assistant(model, "clerk", tools=[look_up], max_tool_iterations=3))
    assert (await at.start("go")).state is RunState.COMPLETED
    assert found == [(1, 0), (2, 1)]


async def test_no_code_begins_before(desk: Made, plays: Plays, slow: Any) -> None:
    model = plays(cast_of(coder=[CODE], reader=["read"]))
    found = slow(model)
    with pytest.warns(UserWarning, match="No approval function"):
        run = await desk(coding(model, approval_func=None), policy=ALL_GO, harmless=("runner",)).start("go")
    assert run.state is RunState.COMPLETED
    assert found == [(1, 0), (2, 1)]


async def test_no_agent_of_the_apps_own_begins_before(desk: Made, plays: Plays, slow: Any) -> None:
    model = plays(cast_of(a=["a1"]))
    found = slow(model)
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "a"), Stranger()], max_turns=2))
    assert (await at.start("go")).state is RunState.COMPLETED
    assert found == [(1, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize(("hindered", "told"), [(True, StoreUnavailable.code), (False, AppChanged.code)])
async def test_what_cannot_be_kept_is_not_gone_on_from(
    desk: Made, plays: Plays, monkeypatch: pytest.MonkeyPatch, hindered: bool, told: str
) -> None:
    async def keeps(gate: Gate, key: str, value: Json) -> Json:
        if hindered:
            raise StoreUnavailable("the disk is full")
        return {"another": "answer"}

    monkeypatch.setattr(Gate, "remember", keeps)
    model = plays(cast_of(clerk=[tool_call("refund", order="A", amount=1), "done"]))
    at = desk(
        lambda: assistant(model, "clerk", tools=[refund], max_tool_iterations=3), policy=ALL_GO, harmless=("refund",)
    )
    run = await at.start("go")
    assert (run.state, run.error[:8], at.effects, len(model.calls)) == (RunState.FAILED, told, [], 1)
