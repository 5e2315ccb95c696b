"""Runtimes that do not check what they should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Self

from ....capabilities import Capability
from ....commands import GetRequest, LiftStop, Override, Recorded, Settled, StopScope
from ....errors import AlreadyDecided, RequestClosed, RequestExpired, ResponseRefused
from ....lifecycle import RequestState
from ....protocol import Approve, Comment, Delegate, Guidance, Responder, Response, RunState, Undoing, UndoState
from ....runtime import Batch, Runtime
from ..world import Parts
from .breaking import breaks


class BrokenRuntime(Runtime):
    """A runtime that does not check what it should."""

    parts: ClassVar[Parts]

    @classmethod
    def made_of(cls) -> Parts:
        return Parts(runtime=cls)

    async def _as_it_stands(self, response: Response) -> Recorded:
        settled = await self.store.fetch(GetRequest(response.request_id))
        return Recorded(settled, RunState.PAUSED, replayed=True)


@breaks("P20")
class TellsTheLoserNothing(BrokenRuntime):
    """Takes a second, different answer without a word."""

    async def respond(self, response: Response) -> Recorded:
        try:
            return await super().respond(response)
        except AlreadyDecided:
            return await self._as_it_stands(response)


@breaks("P21")
class TakesAnswersToWhatIsClosed(BrokenRuntime):
    """Takes an answer to a request that is over without a word."""

    async def respond(self, response: Response) -> Recorded:
        try:
            return await super().respond(response)
        except (RequestClosed, RequestExpired):
            return await self._as_it_stands(response)


@breaks("P22")
class TellsOneFaultAtATime(BrokenRuntime):
    """Refuses an answer with the first of its faults."""

    async def respond(self, response: Response) -> Recorded:
        try:
            return await super().respond(response)
        except ResponseRefused as exc:
            raise type(exc)(exc.faults[:1]) from exc


@breaks("P23")
class IgnoresTheDigest(BrokenRuntime):
    """Does not look at what the person was shown."""

    async def respond(self, response: Response) -> Recorded:
        request = (await self.store.fetch(GetRequest(response.request_id))).request
        return await super().respond(response.model_copy(update={"digest": request.digest}))


@breaks("P24")
class AsksNobodyWhoTheyAre(BrokenRuntime):
    """Takes everybody for the one who may decide."""

    async def respond(self, response: Response) -> Recorded:
        lead = Responder(id="mia", roles=("lead",))
        return await super().respond(response.model_copy(update={"responder": lead}))


@breaks("P24")
class MakesUpTheSecondVote(BrokenRuntime):
    """Where two people have to agree, the first one is taken for both."""

    async def respond(self, response: Response) -> Recorded:
        recorded = await super().respond(response)
        if not recorded.settled.votes or recorded.settled.state is not RequestState.OPEN:
            return recorded
        other = response.responder.model_copy(update={"id": f"{response.responder.id}-again"})
        return await super().respond(response.model_copy(update={"responder": other}))


@breaks("P24")
class TakesPeopleAtTheirWord(BrokenRuntime):
    """Has a directory of people, and does not look anybody up in it who says what they are."""

    async def respond(self, response: Response) -> Recorded:
        around = self._around
        if response.responder.roles:
            self._around = replace(around, directory=None)
        try:
            return await super().respond(response)
        finally:
            self._around = around


@breaks("P52")
class AsksOnWhoGaveItOn(BrokenRuntime):
    """Notes that a request was given on, and goes on asking the same person."""

    async def respond(self, response: Response) -> Recorded:
        if not isinstance(response.decision, Delegate):
            return await super().respond(response)
        return await self._as_it_stands(response)


@breaks("P52")
class PutsOffForGood(BrokenRuntime):
    """Lets a request be put off, and forgets the time."""

    async def defer(self, request_id: str, *, until: datetime, by: str | Responder) -> Settled:
        return await super().defer(request_id, until=until + timedelta(days=400), by=by)


@breaks("P61")
class LiftsForWhoeverStopped(BrokenRuntime):
    """Lets whoever put a stop in force lift it."""

    async def lift(self, scope: StopScope, target: str = "", *, by: str | Responder, reason: str) -> int:
        name = by if isinstance(by, str) else by.id
        return await self.store.apply(LiftStop(scope, target, reason, name, self.clock.now()))


@breaks("P26")
class TakesAnOpinionForAVote(BrokenRuntime):
    """Lets what a machine says of a request count as an approval of it."""

    async def comment(self, request_id: str, text: str, *, by: str | Responder, machine: bool = False) -> Comment:
        made = await super().comment(request_id, text, by=by, machine=machine)
        request = (await self.request(request_id)).request
        if machine and request.approvers.quorum > 1:
            await self.respond(Response.to(request, Approve(), by="bob"))
        return made


@breaks("P26")
class KeepsCommentsToItself(BrokenRuntime):
    """Takes comments, and shows nobody any."""

    async def comments(self, request_id: str) -> tuple[Comment, ...]:
        return ()


@breaks("P25")
class SaysTheSameToAll(BrokenRuntime):
    """Takes the last answer of a batch for all of them."""

    async def respond_many(self, responses: Sequence[Response]) -> Batch:
        said = responses[-1].decision
        return await super().respond_many([each.model_copy(update={"decision": said}) for each in responses])


@breaks("P61")
class LiftsStopsOnRestart(BrokenRuntime):
    """Starts with a clean slate: no stop is in force."""

    async def __aenter__(self) -> Self:
        for stop in await self.stops():
            await self.lift(stop.scope, stop.target, by="nobody", reason="restart")
        return await super().__aenter__()


@breaks("P67")
class ForgetsWhatItWas(BrokenRuntime):
    """Takes the output that a person gave for the one that there always was."""

    async def overrides(self, run_id: str) -> tuple[Override, ...]:
        return tuple(replace(each, original=each.value) for each in await super().overrides(run_id))


@breaks("P64")
class SaysThatAllWasUndone(BrokenRuntime):
    """Reports an undo as whole, whatever came of its parts."""

    async def undo(self, run_id: str, call: str | None = None, *, by: str | Responder, reason: str = "") -> Undoing:
        made = await super().undo(run_id, call, by=by, reason=reason)
        calls = tuple(each.model_copy(update={"state": UndoState.COMPENSATED}) for each in made.calls)
        return made.model_copy(update={"calls": calls})


@breaks("P63", Capability.STEER)
class TakesGuidanceForConsent(BrokenRuntime):
    """Reads a person's guidance, and approves what waits if it says so."""

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        given = await super().steer(run_id, text, by=by)
        for request in (await self.run(run_id)).pending if "approved" in text.lower() else ():
            await self.respond(request.approve(by="ann"))
        return given
