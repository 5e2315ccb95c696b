"""Stores that do not do everything they say, of stops and runs, of the trail, of people and of what is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from ....commands import (
    BeginEffect,
    CancelRun,
    ErasedPerson,
    ErasePerson,
    EraseRun,
    GetRequest,
    GetRun,
    KeepSaid,
    LiftStop,
    ListRequests,
    MoveRequest,
    Page,
    ReadAudit,
    ReadHistory,
    RecordResponse,
    SetStop,
    StopScope,
)
from ....contracts import Store
from ....lifecycle import RequestEvent, RequestState
from ....protocol import AuditEntry, Reject, Run, RunState
from ...around import StoreAround
from ..world import Parts
from .breaking import breaks


class BrokenStore(StoreAround):
    """A store that does not do everything it says."""

    parts: ClassVar[Parts]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @classmethod
    def made_of(cls) -> Parts:
        return Parts(store=cls)


@breaks("P75")
class ForgetsWhatWasSaid(BrokenStore):
    """Says that it has kept what was said, and has not."""

    async def apply(self, command: Any) -> Any:
        return len(command.said) if isinstance(command, KeepSaid) else await self.inner.apply(command)


@breaks("P60")
class StopsInNameOnly(BrokenStore):
    """Says that it has stopped something, and has not."""

    async def apply(self, command: Any) -> Any:
        return 0 if isinstance(command, SetStop) else await self.inner.apply(command)


class _StopsWhatWaitsOnly(BrokenStore):
    scope: ClassVar[StopScope]

    async def apply(self, command: Any) -> Any:
        if isinstance(command, SetStop) and command.stop.scope is self.scope:
            waiting = await self._inner.fetch(ListRequests(states=(RequestState.OPEN,)))
            if not waiting.items:
                return 0
        return await self._inner.apply(command)


@breaks("P60")
class StopsOfATenantForgetWhatWasGranted(_StopsWhatWaitsOnly):
    """Takes a stop for a tenant as one for what waits, and lets pass what was approved before."""

    scope = StopScope.TENANT


@breaks("P60")
class StopsOfAnAgentForgetWhatWasGranted(_StopsWhatWaitsOnly):
    """Takes a stop for an agent as one for what waits, and lets pass what was approved before."""

    scope = StopScope.AGENT


@breaks("P61")
class LiftsOnTheQuiet(BrokenStore):
    """Lifts a stop and says nothing of it in the trail."""

    async def fetch(self, query: Any) -> Any:
        found = await self.inner.fetch(query)
        if isinstance(query, ReadAudit):
            return replace(found, items=tuple(each for each in found.items if each.event != "stop.lifted"))
        return found


@breaks("P61")
class LiftsWhatNobodyStopped(BrokenStore):
    """Counts a lifting twice."""

    async def apply(self, command: Any) -> Any:
        lifted = await self.inner.apply(command)
        return 1 if isinstance(command, LiftStop) else lifted


@breaks("P62")
class CancelsInNameOnly(BrokenStore):
    """Says that a run is cancelled, and leaves everything as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, CancelRun):
            run: Run = await self.fetch(GetRun(command.run_id))
            return run.model_copy(update={"state": RunState.CANCELLED, "pending": ()})
        return await self.inner.apply(command)


@breaks("P65")
class RevokesInNameOnly(BrokenStore):
    """Says that an approval is revoked, and leaves it as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, MoveRequest) and command.event is RequestEvent.REVOKE:
            return replace(await self.fetch(GetRequest(command.request_id)), state=RequestState.REVOKED)
        return await self.inner.apply(command)


@breaks("P70")
class ErasesInNameOnly(BrokenStore):
    """Says that a run is erased, and leaves everything as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, EraseRun):
            return await self.fetch(GetRun(command.run_id))
        return await self.inner.apply(command)


@breaks("P70")
class LosesLines(BrokenStore):
    """Has no line in its trail for the start of an effect."""

    async def fetch(self, query: Any) -> Any:
        found = await self.inner.fetch(query)
        if isinstance(query, ReadAudit):
            return replace(found, items=tuple(each for each in found.items if each.event != "effect.started"))
        return found


@breaks("P74")
class ErasesPeopleInNameOnly(BrokenStore):
    """Says that a person is erased, and leaves everything as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, ErasePerson):
            return ErasedPerson("erased-person-1", 1, 1, 0)
        return await self.inner.apply(command)


@breaks("P74")
class RemembersWhoItWas(BrokenStore):
    """Erases a person, and shows the lines of its trail as they were before."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._before: dict[int, AuditEntry] = {}

    async def apply(self, command: Any) -> Any:
        if isinstance(command, ErasePerson):
            page: Page[AuditEntry] = await self.fetch(ReadAudit())
            self._before = {entry.seq: entry for entry in page.items}
        return await self.inner.apply(command)

    async def fetch(self, query: Any) -> Any:
        found = await self.inner.fetch(query)
        if isinstance(query, ReadAudit):
            return replace(found, items=tuple(self._before.get(each.seq, each) for each in found.items))
        return found


@breaks("P82")
class CountsWhatWasRefused(BrokenStore):
    """Counts a call that people have refused as if it had begun."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._refused = 0

    async def apply(self, command: Any) -> Any:
        self._refused += isinstance(command, RecordResponse) and isinstance(command.response.decision, Reject)
        return await self.inner.apply(command)

    async def fetch(self, query: Any) -> Any:
        found = await self.inner.fetch(query)
        if not isinstance(query, ReadHistory):
            return found
        return tuple(replace(each, total=each.total + 1_000_000 * self._refused) for each in found)


@breaks("P82")
class CountsNothing(BrokenStore):
    """Says of everything that it has never happened."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect):
            command = replace(command, counted=())
        return await self.inner.apply(command)


@breaks("P83")
class GrantsForNothing(BrokenStore):
    """Lets run what a grant covers, and does not count it."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect):
            command = replace(command, grant_id=None)
        return await self.inner.apply(command)
