"""Runtimes that take another answer than was given, or from whom they must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ....capabilities import Capability
from ....commands import GetRequest, ListRequests, Recorded
from ....errors import AlreadyDecided, DraftMoved, RequestClosed, RequestExpired, ResponseRefused
from ....lifecycle import RequestState
from ....protocol import Accept, Approve, Arguments, Comment, DraftVersion, Responder, Response, new_id
from ....runtime import Answered, Batch
from .breaking import breaks
from .runtimes import BrokenRuntime


@breaks("P14", Capability.EDIT_ARGUMENTS)
class TakesAChangeForConsent(BrokenRuntime):
    """Takes the version that a person has made as soon as it is made."""

    async def change_draft(
        self, request_id: str, arguments: Arguments, *, base: int, by: str | Responder, note: str = ""
    ) -> DraftVersion:
        made = await super().change_draft(request_id, arguments, base=base, by=by, note=note)
        request = (await self.request(request_id)).request
        await self.respond(request.accept(made, by=by if isinstance(by, str) else by.id))
        return made


@breaks("P14", Capability.EDIT_ARGUMENTS)
class TakesAnyVersionForTheNewest(BrokenRuntime):
    """Lets the newest version run where somebody has taken an older one."""

    async def respond(self, response: Response) -> Recorded:
        try:
            return await super().respond(response)
        except DraftMoved:
            newest = (await self.draft(response.request_id))[-1]
            taken = Accept(version=newest.number, arguments=newest.arguments)
            return await super().respond(response.model_copy(update={"decision": taken}))


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


@breaks("P23")
class TakesWhatFitsAnother(BrokenRuntime):
    """Takes an answer that shows the action of some other request that waits."""

    async def respond(self, response: Response) -> Recorded:
        waiting = (await self.store.fetch(ListRequests())).items
        if any(each.request.digest == response.digest for each in waiting):
            request = (await self.store.fetch(GetRequest(response.request_id))).request
            response = response.model_copy(update={"digest": request.digest})
        return await super().respond(response)


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


@breaks("P24")
class ShowsTheInboxToEverybody(BrokenRuntime):
    """Shows all requests, whoever looks."""

    async def inbox(self, *, roles: tuple[str, ...] = (), **more: Any) -> Any:
        return await super().inbox(**more)


@breaks("P25")
class SaysTheSameToAll(BrokenRuntime):
    """Takes the last answer of a batch for all of them."""

    async def respond_many(self, responses: Sequence[Response]) -> Batch:
        said = responses[-1].decision
        return await super().respond_many([each.model_copy(update={"decision": said}) for each in responses])


@breaks("P25")
class AnswersAnythingTogether(BrokenRuntime):
    """Takes many answers at once, whatever they are about."""

    async def respond_many(self, responses: Sequence[Response]) -> Batch:
        answers = []
        for each in responses:
            try:
                answers.append(Answered(each, recorded=await self.respond(each)))
            except ResponseRefused as exc:
                answers.append(Answered(each, refused=exc))
        return Batch(new_id(self.clock.now()), tuple(answers))


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
