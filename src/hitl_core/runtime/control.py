"""Control: what a person does to a run, or to all of them, without having been asked."""

from __future__ import annotations

import logging

from ..capabilities import Capability
from ..commands import (
    CancelRun,
    GetCheckpoint,
    LiftStop,
    ListGuidance,
    ListOverrides,
    ListStops,
    Override,
    ReopenRun,
    SetStop,
    Stop,
    StopScope,
)
from ..contracts import require
from ..errors import AppChanged
from ..protocol import Guidance, Json, Responder, Run, Undoing
from .opened import Opened
from .overriding import override
from .reach import Reach, reach
from .steering import steer
from .undoing import planned, report

log = logging.getLogger("hitl_core")


class Control(Opened):
    """Cancel, take back, steer, stop."""

    async def cancel(self, run_id: str, *, by: str, reason: str = "") -> Run:
        """End a run that is not over; what waits in it never runs. Raises RunNotFound or RunFinished."""
        run = await self.store.apply(CancelRun(run_id, by, reason, self._around.now()))
        await self._forget(run_id)
        return run

    async def rewind(self, run_id: str, *, by: str, reason: str = "") -> Run:
        """Take the run back to its last pause and ask again. What its tools did stays done; that is for `undo`.

        Raises CapabilityNotSupported where the framework cannot, AppChanged where there is no pause to go back to,
        RunNotFound, RunBusy. The framework is only touched once the run is ours.
        """
        require(self.adapter, Capability.UNDO_BY_FORK)
        run = await self.run(run_id)
        self._require_ours(run)
        if run.undoes is not None:
            raise AppChanged(f"run {run_id} is an undo: it has no pause of a framework to go back to")
        await self.attach()
        if await self.store.fetch(GetCheckpoint(run_id)) is None:
            raise AppChanged(f"run {run_id} has never paused, so there is no pause to go back to; start a new run")
        reopen = ReopenRun(run_id, self.owner, self.settings.lease_seconds, by, reason, self._around.now())
        claimed = await self.store.apply(reopen)
        return await self._driver.drive(await self._driver.forked(claimed))

    async def undo(self, run_id: str, call: str | None = None, *, by: str, reason: str = "") -> Undoing:
        """Take back what the tools of a run have done, or one call of it: in a run of its own, the newest first.

        Each step is an action `undo:TOOL` and meets the policy. What was not taken back is in the result, with why; go
        on with `wait` while people are asked. Raises RunNotFound, RunBusy, NothingToUndo, Stopped.
        """
        run = await self.run(run_id)
        self._require_ours(run)
        calls = await planned(self.store, run, call)
        claimed = await self._opened({"calls": calls, "reason": reason}, by=by, undoes=run.id)
        undone = await self._driver.drive(claimed)
        return await report(self.store, undone.id)

    async def undone(self, run_id: str) -> Undoing:
        """How an undo stands, by its own run: each action, and what became of it. Raises RunNotFound, NothingToUndo."""
        return await report(self.store, run_id)

    async def override(
        self, run_id: str, value: Json, call: str | None = None, *, by: str, reason: str = ""
    ) -> Override:
        """Replace the output of a completed run; or the result of a call, before it is used further.

        What it was is kept (`overrides`). Of a call, its agent is told. Raises RunNotFound, OverrideRefused.
        """
        return await override(self.adapter, self._around, await self.run(run_id), call, value, by, reason)

    async def overrides(self, run_id: str) -> tuple[Override, ...]:
        """What people have put in the place of a run's output and results, oldest first, and what it was."""
        return await self.store.fetch(ListOverrides(run_id))

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        """Say something to the agent: it enters the conversation at the next safe point, and permits nothing.

        Raises RunNotFound, RunFinished, GuidanceRefused, MayNotSteer; CapabilityNotSupported where it has no way in.
        """
        return await steer(self.adapter, self._around, await self.run(run_id), text, by)

    async def guidance(self, run_id: str) -> tuple[Guidance, ...]:
        """The guidance that a run was given, oldest first, and what became of each."""
        return await self.store.fetch(ListGuidance(run_id))

    # ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, scope: StopScope, target: str = "", *, by: str, reason: str) -> int:
        """Put a stop in force: nothing that it covers starts any more. Returns how many requests it froze."""
        return await self.store.apply(SetStop(Stop(scope, target, reason, by, self._around.now())))

    async def reach(self, scope: StopScope) -> tuple[Reach, ...]:
        """What a stop reaches here and when; where the framework cannot be loaded, without what only that knows."""
        try:
            capabilities = self.adapter.capabilities
        except Exception as exc:  # whatever loading it raises: a stop is in force all the same
            log.info("what this framework hears of a stop is not known: %s", exc)
            capabilities = None
        return reach(scope, capabilities)

    async def lift(self, scope: StopScope, target: str = "", *, by: str, reason: str) -> int:
        """Lift a stop: a separate, recorded act. Returns how many requests are open again."""
        return await self.store.apply(LiftStop(scope, target, reason, by, self._around.now()))

    async def stops(self) -> tuple[Stop, ...]:
        """The stops in force."""
        return await self.store.fetch(ListStops())
