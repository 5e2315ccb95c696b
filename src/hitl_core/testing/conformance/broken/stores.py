"""Stores that do not do everything they say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar, cast

from ....commands import (
    BeginEffect,
    CancelRun,
    EndEffect,
    EraseRun,
    FireTimers,
    GetRequest,
    GetRun,
    MoveRequest,
    OpenRun,
    ReadAudit,
    RecordResponse,
    Settled,
)
from ....contracts import Store
from ....lifecycle import RequestEvent, RequestState
from ....protocol import Arguments, Executed, PauseRequest, Run, RunState
from ..world import Parts
from .breaking import breaks


class BrokenStore:
    """A store that does not do everything it says."""

    parts: ClassVar[Parts]

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @classmethod
    def made_of(cls) -> Parts:
        return Parts(store=cls)

    async def apply(self, command: Any) -> Any:
        return await self._inner.apply(command)

    async def fetch(self, query: Any) -> Any:
        return await self._inner.fetch(query)

    async def changed(self, *, timeout: float) -> None:
        await self._inner.changed(timeout=timeout)

    async def close(self) -> None:
        await self._inner.close()


@breaks("P64")
class UndoesTheOldestFirst(BrokenStore):
    """Takes back what was done in the order in which it was done."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, OpenRun) and command.run.undoes is not None:
            given = cast("dict[str, Any]", command.run.input)
            turned = {**given, "calls": given["calls"][::-1]}
            command = replace(command, run=command.run.model_copy(update={"input": turned}))
        return await self._inner.apply(command)


@breaks("P64")
class KeepsTheTextOfAResult(BrokenStore):
    """Keeps what a model reads of a result, and not the result: an undo is given that."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, EndEffect) and isinstance(command.outcome, Executed):
            command = replace(command, outcome=Executed(json.dumps(command.outcome.result)))
        return await self._inner.apply(command)


@breaks("P50")
class NeverFires(BrokenStore):
    """Lets deadlines pass."""

    async def apply(self, command: Any) -> Any:
        return () if isinstance(command, FireTimers) else await self._inner.apply(command)


@breaks("P51")
class TakesLateAnswers(BrokenStore):
    """Takes an answer after the deadline for one that came in time."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, RecordResponse):
            request: PauseRequest = (await self.fetch(GetRequest(command.response.request_id))).request
            command = replace(command, now=request.created_at)
        return await self._inner.apply(command)


@breaks("P52")
class AsksForSomethingElseLater(BrokenStore):
    """When others are asked too, they are asked about a call with a bit more in it."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._escalated = False

    async def apply(self, command: Any) -> Any:
        result = await self._inner.apply(command)
        if isinstance(command, FireTimers):
            self._escalated |= any(each.request.escalation for each in result)
        return result

    async def fetch(self, query: Any) -> Any:
        found = await self._inner.fetch(query)
        if not (self._escalated and isinstance(query, GetRequest)):
            return found
        more = {name: value + 1 if isinstance(value, float) else value for name, value in _arguments(found).items()}
        return replace(found, request=found.request.model_copy(update={"action": found.request.action.edited(more)}))


def _arguments(found: Settled) -> Arguments:
    return found.request.action.arguments


@breaks("P82")
class CountsNothing(BrokenStore):
    """Says of everything that it has never happened."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect):
            command = replace(command, counted=())
        return await self._inner.apply(command)


@breaks("P83")
class GrantsForNothing(BrokenStore):
    """Lets run what a grant covers, and does not count it."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect):
            command = replace(command, grant_id=None)
        return await self._inner.apply(command)


@breaks("P62")
class CancelsInNameOnly(BrokenStore):
    """Says that a run is cancelled, and leaves everything as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, CancelRun):
            run: Run = await self.fetch(GetRun(command.run_id))
            return run.model_copy(update={"state": RunState.CANCELLED, "pending": ()})
        return await self._inner.apply(command)


@breaks("P65")
class RevokesInNameOnly(BrokenStore):
    """Says that an approval is revoked, and leaves it as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, MoveRequest) and command.event is RequestEvent.REVOKE:
            return replace(await self.fetch(GetRequest(command.request_id)), state=RequestState.REVOKED)
        return await self._inner.apply(command)


@breaks("P70")
class ErasesInNameOnly(BrokenStore):
    """Says that a run is erased, and leaves everything as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, EraseRun):
            return await self.fetch(GetRun(command.run_id))
        return await self._inner.apply(command)


@breaks("P70")
class LosesLines(BrokenStore):
    """Has no line in its trail for the start of an effect."""

    async def fetch(self, query: Any) -> Any:
        found = await self._inner.fetch(query)
        if isinstance(query, ReadAudit):
            return replace(found, items=tuple(each for each in found.items if each.event != "effect.started"))
        return found
