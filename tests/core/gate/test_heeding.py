"""A turn can ask between steps whether a stop covers its run."""

from __future__ import annotations

import asyncio

import pytest

from hitl_core.commands import StopScope
from hitl_core.contracts import Completed, Ending
from hitl_core.gate import Gate, heeding_stops
from hitl_core.gate.stops import EVERY
from hitl_core.protocol import Action, Origin, RunState
from tests.core.gate.test_gate import Script
from tests.core.shop import Shop


@pytest.mark.parametrize("scope", [StopScope.RUN, StopScope.TENANT, StopScope.ALL])
async def test_a_stop_that_covers_the_run_is_heeded(shop: Shop, scope: StopScope) -> None:
    async def works(gate: Gate) -> Ending:
        assert not await gate.heed_stops()
        await hitl.stop(StopScope.TOOL, "some other tool", by="ann", reason="unrelated")
        assert not await gate.heed_stops()
        target = {StopScope.RUN: gate.run.id, StopScope.TENANT: gate.run.tenant, StopScope.ALL: ""}[scope]
        await hitl.stop(scope, target, by="ann", reason="enough")
        assert await gate.heed_stops()
        return Completed("too late")

    async with shop.open(None, adapter=Script(works)) as hitl:
        run = await hitl.start(None)
        assert (run.state, run.output) == (RunState.STOPPED, None)
        assert "enough" in run.error


ACTION = Action(tool="refund", origin=Origin(agent="cashier", path=("root", "desk")))


@pytest.mark.parametrize(
    ("scope", "target", "covered"),
    [
        (StopScope.TOOL, "refund", True),
        (StopScope.TOOL, "mail", False),
        (StopScope.AGENT, "root", True),
        (StopScope.AGENT, "cashier", True),
        (StopScope.AGENT, "writer", False),
        (StopScope.TENANT, "default", True),
        (StopScope.RUN, "another run", False),
        (StopScope.ALL, "", True),
    ],
)
async def test_an_adapter_can_ask_for_the_stop_of_a_decision_that_it_hands_over(
    shop: Shop, scope: StopScope, target: str, covered: bool
) -> None:
    async def works(gate: Gate) -> Ending:
        await hitl.stop(scope, target, by="ann", reason="enough")
        found = await gate.stop_for(ACTION)
        assert (found and (found.scope, found.target)) == ((scope, target) if covered else None)
        return Completed("done")

    async with shop.open(None, adapter=Script(works)) as hitl:
        run = await hitl.start(None)
    assert run.state is (RunState.STOPPED if covered else RunState.COMPLETED)
    assert ("what was decided about 'refund' does not start: ann has stopped" in run.error) == covered


async def test_a_stop_during_a_turn_drains_the_framework(shop: Shop) -> None:
    drained = asyncio.Event()

    async def works(gate: Gate) -> Ending:
        with heeding_stops(gate, lambda reason: drained.set()):
            await hitl.stop(StopScope.RUN, gate.run.id, by="ann", reason="enough")
            await shop.clock.asleep()
            shop.clock.advance(seconds=EVERY)
            await drained.wait()
        return Completed("too late")

    async with shop.open(None, adapter=Script(works)) as hitl:
        run = await hitl.start(None)
    assert (run.state, "enough" in run.error) == (RunState.STOPPED, True)
