"""A run that its quota holds back: its graph has paused, and nobody was asked. It is asked once, when there is room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hitl_core.config import Config
from hitl_core.protocol import RunState
from hitl_core.testing.clock import ManualClock
from tests.tried_again import worked

from . import agents
from .desk import GO, Desk, approve
from .played import PlayedModel, call


@dataclass
class OneAMinute(Desk):
    """Its agent may ask once a minute."""

    def config(self) -> Config:
        return replace(super().config(), asked_a_minute=1)


async def test_what_was_held_back_is_asked_later_and_runs_once(tmp_path: Path) -> None:
    """Its model is not asked again: the graph stands where it has paused."""
    model, clock = PlayedModel(turns=[[call("refund", order="A", amount=12)], "done"]), ManualClock()
    at = OneAMinute(agents.agent(model, [agents.refund]), tmp_path, clock=clock)
    first, held = await at.start(GO), await at.start(GO)
    assert (len(first.pending), len(held.pending), held.state) == (1, 0, RunState.READY), held.error
    assert "its quota is 1" in held.error
    assert (await worked(at, held)).state is RunState.READY
    clock.advance(60)
    held = await worked(at, held)
    assert (held.state, held.error, len(held.pending), at.effects) == (RunState.PAUSED, "", 1, [])
    assert len(model.seen) == 2
    for run in (first, held):
        await at.say(approve(run.pending[0]))
        assert (await worked(at, run)).state is RunState.COMPLETED
    assert (at.effects, len(model.seen)) == (["refund", "refund"], 4)
