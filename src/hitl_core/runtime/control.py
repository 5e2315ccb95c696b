"""Control: what a person does to a run, or to all of them, without having been asked."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta

from ..capabilities import Capability
from ..commands import (
    CancelRun,
    ErasedPerson,
    ErasePerson,
    EraseRun,
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
from ..errors import AppChanged, RunNotFound
from ..people import EVERY_TENANT, Act
from ..protocol import Guidance, Json, Responder, Run, Undoing
from .forgetting import retain
from .identity import lifts_by_another, permitted
from .opened import Opened
from .overriding import override
from .reach import Reach, reach
from .steering import steer
from .undoing import planned, report, undos

log = logging.getLogger("hitl_core")


class Control(Opened):
    """Cancel, take back, steer, stop."""

    async def cancel(self, run_id: str, *, by: str | Responder, reason: str = "") -> Run:
        """End a run that is not over; what waits in it never runs. Raises RunNotFound, RunFinished, NotPermitted."""
        who = await self._permitted(Act.CANCEL, by, run_id)
        run = await self.store.apply(CancelRun(run_id, who.id, reason, self._around.now(), who.authenticated_by))
        await self._forget(run_id)
        return run

    async def rewind(self, run_id: str, *, by: str | Responder, reason: str = "") -> Run:
        """Take the run back to its last pause and ask again. What its tools did stays done; that is for `undo`.

        Raises CapabilityNotSupported where the framework cannot, AppChanged where there is no pause to go back to,
        RunNotFound, RunBusy, NotPermitted. The framework is only touched once the run is ours.
        """
        who = await self._permitted(Act.REWIND, by, run_id)
        require(self.adapter, Capability.UNDO_BY_FORK)
        run = await self.run(run_id)
        self._require_ours(run)
        if run.undoes is not None:
            raise AppChanged(f"run {run_id} is an undo: it has no pause of a framework to go back to")
        await self.attach()
        if await self.store.fetch(GetCheckpoint(run_id)) is None:
            raise AppChanged(f"run {run_id} has never paused, so there is no pause to go back to; start a new run")
        lease, now = self.settings.lease_seconds, self._around.now()
        reopen = ReopenRun(run_id, self.owner, lease, who.id, reason, now, who.authenticated_by)
        claimed = await self.store.apply(reopen)
        return await self._driver.drive(await self._driver.forked(claimed))

    async def undo(self, run_id: str, call: str | None = None, *, by: str | Responder, reason: str = "") -> Undoing:
        """Take back what the tools of a run have done, or one call of it: in a run of its own, the newest first.

        Each step is an action `undo:TOOL` and meets the policy. What was not taken back is in the result, with why; go
        on with `wait` while people are asked. Raises RunNotFound, RunBusy, Stopped, NotPermitted, and NothingToUndo,
        also for a run that is an undo.
        """
        who = await self._permitted(Act.UNDO, by, run_id)
        run = await self.run(run_id)
        self._require_ours(run)
        calls = await planned(self.store, run, call)
        claimed = await self._opened({"calls": calls, "reason": reason}, by=who.id, undoes=run.id)
        undone = await self._driver.drive(claimed)
        return await report(self.store, undone.id)

    async def undone(self, run_id: str) -> Undoing:
        """How an undo stands, by its own run: each action, and what became of it. Raises RunNotFound, NothingToUndo."""
        return await report(self.store, run_id)

    async def undos(self, run_id: str) -> tuple[Undoing, ...]:
        """The undos of a run, oldest first, and how each stands."""
        return await undos(self.store, run_id)

    async def override(
        self, run_id: str, value: Json, call: str | None = None, *, by: str | Responder, reason: str = ""
    ) -> Override:
        """Replace the output of a completed run; or the result of a call, before it is used further.

        What it was is kept (`overrides`). Of a call, its agent is told.
        Raises RunNotFound, OverrideRefused, NotPermitted.
        """
        who = await self._permitted(Act.OVERRIDE, by, run_id)
        return await override(self.adapter, self._around, await self.run(run_id), call, value, who, reason)

    async def overrides(self, run_id: str) -> tuple[Override, ...]:
        """What people have put in the place of a run's output and results, oldest first, and what it was."""
        return await self.store.fetch(ListOverrides(run_id))

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
        return await self.store.apply(
            EraseRun(run_id, who.id, reason, self._around.now(), authenticated_by=who.authenticated_by)
        )

    async def retain(self, *, older_than: timedelta, by: str | Responder, reason: str = "retention") -> int:
        """Erase all runs that are over for longer than this; returns how many.

        It reaches every tenant, so with a directory it is for somebody of every tenant (`*`). Raises NotPermitted.
        """
        who = await permitted(self._around, Act.ERASE, by, on="retention", tenant=EVERY_TENANT)
        return await retain(self._around, older_than, who, reason)

    async def erase_person(self, person: str, *, by: str | Responder, reason: str) -> ErasedPerson:
        """Put one pseudonym in the place of a person, in all records and in the trail; what they said is gone.

        It reaches every tenant, so with a directory it is for somebody of every tenant (`*`). Raises NotPermitted,
        PersonNotFound; PersonNotErasable, and changes nothing, while something that is not over rests on them.
        """
        who = await permitted(self._around, Act.ERASE, by, on="person", tenant=EVERY_TENANT)
        command = ErasePerson(person, who.id, reason, self._around.now(), who.authenticated_by)
        return await self.store.apply(command)

    # ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, scope: StopScope, target: str = "", *, by: str | Responder, reason: str) -> int:
        """Put a stop in force: nothing that it covers starts any more. Returns how many requests it froze.

        Raises NotPermitted.
        """
        who = await self._permitted_on(Act.STOP, by, scope, target)
        stop = Stop(scope, target, reason, who.id, self._around.now())
        return await self.store.apply(SetStop(stop, who.authenticated_by))

    async def reach(self, scope: StopScope) -> tuple[Reach, ...]:
        """What a stop reaches here and when; where the framework cannot be loaded, without what only that knows."""
        try:
            capabilities = self.adapter.capabilities
        except Exception as exc:  # whatever loading it raises: a stop is in force all the same
            log.info("what this framework hears of a stop is not known: %s", exc)
            capabilities = None
        return reach(scope, capabilities)

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
