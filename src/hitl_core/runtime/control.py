"""Control: what a person does to a run, or to all of them, without having been asked."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from ..capabilities import Capability
from ..commands import (
    CancelRun,
    EraseRun,
    GetCheckpoint,
    LiftStop,
    ListGuidance,
    ListStops,
    ReopenRun,
    SetStop,
    Stop,
    StopScope,
)
from ..contracts import require
from ..errors import AppChanged, RunNotFound
from ..people import EVERY_TENANT, Act
from ..protocol import Guidance, Responder, Run
from .forgetting import retain
from .identity import lifts_by_another, permitted
from .opened import Opened
from .steering import steer


class Control(Opened):
    """Cancel, take back, steer, stop."""

    async def cancel(self, run_id: str, *, by: str | Responder, reason: str = "") -> Run:
        """End a run that is not over; what waits in it never runs. Raises RunNotFound, RunFinished, NotPermitted."""
        who = await self._permitted(Act.CANCEL, by, run_id)
        run = await self.store.apply(CancelRun(run_id, who.id, reason, self._around.now(), who.authenticated_by))
        await self._forget(run_id)
        return run

    async def undo(self, run_id: str, *, by: str | Responder, reason: str = "") -> Run:
        """Take the run back to its last pause and ask again. Outside effects are not undone by this.

        Raises CapabilityNotSupported where the framework cannot, AppChanged where there is no pause to go back to,
        RunNotFound, RunBusy, NotPermitted. The framework is only touched once the run is ours.
        """
        who = await self._permitted(Act.UNDO, by, run_id)
        require(self.adapter, Capability.UNDO_BY_FORK)
        self._require_ours(await self.run(run_id))
        await self.attach()
        if await self.store.fetch(GetCheckpoint(run_id)) is None:
            raise AppChanged(f"run {run_id} has never paused, so there is no pause to go back to; start a new run")
        lease, now = self.settings.lease_seconds, self._around.now()
        reopen = ReopenRun(run_id, self.owner, lease, who.id, reason, now, who.authenticated_by)
        claimed = await self.store.apply(reopen)
        return await self._driver.drive(await self._driver.forked(claimed))

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        """Say something to the agent: it enters the conversation at the next safe point, and permits nothing.

        Raises RunNotFound, RunFinished, GuidanceRefused, MayNotSteer, NotPermitted; CapabilityNotSupported where it
        has no way in.
        """
        who = await self._permitted(Act.STEER, by, run_id)
        return await steer(self.adapter, self._around, await self.run(run_id), text, who)

    async def guidance(self, run_id: str) -> tuple[Guidance, ...]:
        """The guidance that a run was given, oldest first, and what became of each."""
        return await self.store.fetch(ListGuidance(run_id))

    async def erase(self, run_id: str, *, by: str | Responder, reason: str) -> Run:
        """Erase what a run that is over has said: payloads, free texts, names. The audit trail stays and verifies.

        What its framework keeps in a place of its own is not touched. Raises RunNotFound, RunBusy, NotPermitted.
        """
        who = await self._permitted(Act.ERASE, by, run_id)
        return await self.store.apply(EraseRun(run_id, who.id, reason, self._around.now()))

    async def retain(self, *, older_than: timedelta, by: str | Responder, reason: str = "retention") -> int:
        """Erase all runs that are over for longer than this; returns how many.

        It reaches every tenant, so with a directory it is for somebody of every tenant (`*`). Raises NotPermitted.
        """
        who = await permitted(self._around, Act.ERASE, by, on="retention", tenant=EVERY_TENANT)
        return await retain(self._around, older_than, who.id, reason)

    # ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, scope: StopScope, target: str = "", *, by: str | Responder, reason: str) -> int:
        """Put a stop in force: nothing that it covers starts any more. Returns how many requests it froze.

        Raises NotPermitted.
        """
        who = await self._permitted_on(Act.STOP, by, scope, target)
        stop = Stop(scope, target, reason, who.id, self._around.now())
        return await self.store.apply(SetStop(stop, who.authenticated_by))

    async def lift(self, scope: StopScope, target: str = "", *, by: str | Responder, reason: str) -> int:
        """Lift a stop: a separate, recorded act. Returns how many requests are open again. Raises NotPermitted."""
        who = await self._permitted_on(Act.LIFT, by, scope, target)
        another, now = lifts_by_another(self._around), self._around.now()
        return await self.store.apply(LiftStop(scope, target, reason, who.id, now, another, who.authenticated_by))

    async def stops(self) -> tuple[Stop, ...]:
        """The stops in force."""
        return await self.store.fetch(ListStops())

    # ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _permitted(self, act: Act, by: str | Responder, run_id: str) -> Responder:
        """Who does this to a run. Raises NotPermitted, and RunNotFound."""
        run = await self.run(run_id)
        return await permitted(self._around, act, by, on=run_id, tenant=run.tenant)

    async def _permitted_on(self, act: Act, by: str | Responder, scope: StopScope, target: str) -> Responder:
        """Who does this to what a stop covers. Raises NotPermitted; a run to come has no tenant yet."""
        tenant = target if scope is StopScope.TENANT else None
        if scope is StopScope.RUN:
            with suppress(RunNotFound):
                tenant = (await self.run(target)).tenant
        return await permitted(self._around, act, by, on=f"{scope}:{target}" if target else scope.value, tenant=tenant)
