"""Stores that mistake the time: deadlines, and who is asked from when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from ....commands import FireTimers, GetRequest, PauseRun, RecordResponse, Settled
from ....contracts import Store
from ....protocol import Arguments, PauseRequest
from .breaking import breaks
from .stores import BrokenStore


@breaks("P50")
class NeverFires(BrokenStore):
    """Lets deadlines pass."""

    async def apply(self, command: Any) -> Any:
        return () if isinstance(command, FireTimers) else await self._inner.apply(command)


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


_MOMENT: Final = timedelta(seconds=1)


@breaks("P51")
class EndsAMomentEarly(BrokenStore):
    """Takes an answer of the last second for one that came too late."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, RecordResponse):
            command = replace(command, now=command.now + _MOMENT)
        return await self._inner.apply(command)


@breaks("P51")
class TakesLateAnswers(BrokenStore):
    """Takes an answer after the deadline for one that came in time."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, RecordResponse):
            request: PauseRequest = (await self.fetch(GetRequest(command.response.request_id))).request
            command = replace(command, now=request.created_at)
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


def _arguments(found: Settled) -> Arguments:
    return found.request.action.arguments


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
