"""A turn can ask between steps whether a stop covers its run."""

from __future__ import annotations

import pytest

from hitl_core.commands import StopScope
from hitl_core.contracts import Completed, Ending
from hitl_core.gate import Gate
from hitl_core.protocol import RunState
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
