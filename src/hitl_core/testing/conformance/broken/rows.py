"""Stores that keep, count or allow something else than they were told: of stops, of time, of drafts, of undos."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from ....capabilities import Capability
from ....commands import (
    BeginEffect,
    EndEffect,
    FireTimers,
    GetRequest,
    GetRun,
    LiftStop,
    ListEffects,
    ListUndone,
    Override,
    OverrideOutput,
    PauseRun,
    PerformEffect,
    ReadAudit,
    ReadHistory,
    RecordResponse,
    SetStop,
)
from ....contracts import Store
from ....errors import EffectRefused
from ....protocol import UNDO, EffectMode, PauseRequest, Reject
from .breaking import breaks
from .stores import BrokenStore

_MOMENT: Final = timedelta(seconds=1)


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────


@breaks("P51")
class ForgetsDeadlines(BrokenStore):
    """Lets deadlines pass, and takes what comes after them."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, FireTimers):
            return ()
        if isinstance(command, RecordResponse):
            request: PauseRequest = (await self.fetch(GetRequest(command.response.request_id))).request
            command = replace(command, now=request.created_at)
        return await self._inner.apply(command)


@breaks("P51")
class EndsAMomentEarly(BrokenStore):
    """Takes an answer of the last second for one that came too late."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, RecordResponse):
            command = replace(command, now=command.now + _MOMENT)
        return await self._inner.apply(command)


class _Asking(BrokenStore):
    """A store that changes who is asked about a request, as it is stored."""

    def asked(self, request: PauseRequest) -> dict[str, Any]:
        raise NotImplementedError

    async def apply(self, command: Any) -> Any:
        if isinstance(command, PauseRun):
            requests = tuple(each.model_copy(update=self.asked(each)) for each in command.requests)
            command = replace(command, requests=requests)
        return await self._inner.apply(command)


@breaks("P52")
class RemindsNobody(_Asking):
    """Forgets when people are to be asked again."""

    def asked(self, request: PauseRequest) -> dict[str, Any]:
        return {"remind_seconds": ()}


@breaks("P52")
class AsksOthersTheOtherWay(_Asking):
    """Asks others instead where they are to be asked too, and too where they are to be asked instead."""

    def asked(self, request: PauseRequest) -> dict[str, Any]:
        turned = [each.model_copy(update={"instead": not each.instead}) for each in request.escalation]
        return {"escalation": tuple(turned)}


@breaks("P52")
class AsksAtOnce(_Asking):
    """Asks others from the beginning, whatever the time and the hours."""

    def asked(self, request: PauseRequest) -> dict[str, Any]:
        early = [each.model_copy(update={"after_seconds": 0.001}) for each in request.escalation]
        return {"escalation": tuple(early)}


@breaks("P52")
class AsksEverybodyInTurn(_Asking):
    """Lets all of those decide who take turns."""

    def asked(self, request: PauseRequest) -> dict[str, Any]:
        approvers = request.approvers
        return {"approvers": approvers.model_copy(update={"users": ()}) if approvers.assign else approvers}


# ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────


@breaks("P60")
class StopsInNameOnly(BrokenStore):
    """Says that it has stopped something, and has not."""

    async def apply(self, command: Any) -> Any:
        return 0 if isinstance(command, SetStop) else await self._inner.apply(command)


@breaks("P61")
class LiftsOnTheQuiet(BrokenStore):
    """Lifts a stop and says nothing of it in the trail."""

    async def fetch(self, query: Any) -> Any:
        found = await self._inner.fetch(query)
        if isinstance(query, ReadAudit):
            return replace(found, items=tuple(each for each in found.items if each.event != "stop.lifted"))
        return found


@breaks("P61")
class LiftsWhatNobodyStopped(BrokenStore):
    """Counts a lifting twice."""

    async def apply(self, command: Any) -> Any:
        lifted = await self._inner.apply(command)
        return 1 if isinstance(command, LiftStop) else lifted


# ── undo and override ────────────────────────────────────────────────────────────────────────────────────────


@breaks("P64")
class LosesTheReceipt(BrokenStore):
    """Hands an undo something else than what the tool has returned."""

    async def fetch(self, query: Any) -> Any:
        found = await self._inner.fetch(query)
        return tuple(replace(each, result="?") for each in found) if isinstance(query, ListEffects) else found


@breaks("P64")
class RunsAnUndoAgain(BrokenStore):
    """Takes every undo for one that can be repeated: after a crash nobody is asked."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect) and command.call.startswith(UNDO):
            command = replace(command, mode=EffectMode.IDEMPOTENT)
        return await self._inner.apply(command)


@breaks("P64")
class UndoesWhoeverComes(BrokenStore):
    """Does not see that another undo has begun the same, and lets it begin again."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._again: dict[str, Any] = {}

    async def fetch(self, query: Any) -> Any:
        return {} if isinstance(query, ListUndone) else await self._inner.fetch(query)

    async def apply(self, command: Any) -> Any:
        if isinstance(command, EndEffect) and command.call in self._again:
            return self._again.pop(command.call)
        try:
            return await self._inner.apply(command)
        except EffectRefused:
            if not isinstance(command, BeginEffect) or not command.call.startswith(UNDO):
                raise
            (effect,) = await self._begun_elsewhere(command)
            self._again[command.call] = effect
            return effect

    async def _begun_elsewhere(self, command: BeginEffect) -> list[Any]:
        run = await self._inner.fetch(GetRun(command.lease.run_id))
        effects = await self._inner.fetch(ListEffects(run.undoes or ""))
        return [
            replace(each, call=command.call, action=command.action, fence=command.lease.fence)
            for each in effects
            if UNDO + each.call == command.call
        ]


@breaks("P64")
class RecordsAnUndoAndDoesNothing(BrokenStore):
    """Records the undo of a transactional tool, and leaves what the tool has written."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, PerformEffect) and command.begin.call.startswith(UNDO):
            command = replace(command, effect=lambda transaction: "done")
        return await self._inner.apply(command)


@breaks("P67")
class OverridesInNameOnly(BrokenStore):
    """Says that the result of a call is replaced, and leaves it as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, OverrideOutput) and command.call is not None:
            return Override(command.call, None, command.value, command.by, command.reason, command.now)
        return await self._inner.apply(command)


@breaks("P67", Capability.NEUTRAL_SPEC, Capability.STEER)
class OverridesOnTheQuiet(BrokenStore):
    """Replaces the result of a call, and does not tell the model, which has seen the old one."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, OverrideOutput):
            command = replace(command, guidance=None)
        return await self._inner.apply(command)


# ── what is counted ──────────────────────────────────────────────────────────────────────────────────────────


@breaks("P82")
class CountsWhatWasRefused(BrokenStore):
    """Counts a call that people have refused as if it had begun."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._refused = 0

    async def apply(self, command: Any) -> Any:
        self._refused += isinstance(command, RecordResponse) and isinstance(command.response.decision, Reject)
        return await self._inner.apply(command)

    async def fetch(self, query: Any) -> Any:
        found = await self._inner.fetch(query)
        if not isinstance(query, ReadHistory):
            return found
        return tuple(replace(each, total=each.total + 1_000_000 * self._refused) for each in found)
