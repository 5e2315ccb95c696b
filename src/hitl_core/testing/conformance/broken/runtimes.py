"""Runtimes that do not check what they should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from ....capabilities import Capability
from ....commands import GetRequest, Recorded
from ....errors import AlreadyDecided, RequestClosed, RequestExpired, ResponseRefused
from ....lifecycle import RequestState
from ....protocol import Guidance, Responder, Response, RunState
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


@breaks("P63", Capability.STEER)
class TakesGuidanceForConsent(BrokenRuntime):
    """Reads a person's guidance, and approves what waits if it says so."""

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        given = await super().steer(run_id, text, by=by)
        for request in (await self.run(run_id)).pending if "approved" in text.lower() else ():
            await self.respond(request.approve(by="ann"))
        return given
