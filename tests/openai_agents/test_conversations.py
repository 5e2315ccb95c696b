"""A thread of several runs: the model knows what was said in it before, and hears it once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hitl_core.protocol import RunState
from tests.conversations import two_runs_are_one_conversation

from .desk import Desk, approve
from .specs import REFUND, calls, desk_spec, says


async def test_the_second_run_knows_what_was_said_in_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_TEST_KEY", "none")
    await two_runs_are_one_conversation("openai_agents", tmp_path)


async def test_a_run_that_was_told_what_was_said_before_goes_on_after_its_pause(desk: Callable[..., Desk]) -> None:
    """What the agent said before comes back from the SDK's own state in a form that its models take."""
    at = desk(desk_spec, says("I am about to ask."), calls(REFUND), says("done"))
    before = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "I am about to ask."}]
    run = await at.start({"messages": [*before, {"role": "user", "content": "pay it back"}]})
    run = await at.answer(run, approve)
    assert (run.state, run.output, at.effects) == (RunState.COMPLETED, {"answer": "done"}, ["refund"]), run.error
    assert at.heard("assistant")[0] == "I am about to ask."
