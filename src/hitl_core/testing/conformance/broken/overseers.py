"""Runtimes that take more from people than they said, or show and tell them something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....capabilities import Capability
from ....commands import Recorded
from ....errors import DraftMoved, GuidanceRefused, ResponseRefused, RunFinished
from ....protocol import Accept, Arguments, Cancel, DraftVersion, Guidance, Reject, Responder, Response, Run, new_id
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


@breaks("P24")
class ShowsTheInboxToEverybody(BrokenRuntime):
    """Shows all requests, whoever looks."""

    async def inbox(self, *, roles: tuple[str, ...] = (), **more: Any) -> Any:
        return await super().inbox(**more)


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


@breaks("P61")
class LiftsThemAll(BrokenRuntime):
    """Lifts every stop there is with the first."""

    async def lift(self, *named: Any, by: str | Responder, reason: str) -> int:
        count = await super().lift(*named, by=by, reason=reason)
        for stop in await self.stops():
            count += await super().lift(stop.scope, stop.target, by=by, reason=reason)
        return count


@breaks("P62")
class TakesCancelForANo(BrokenRuntime):
    """Refuses the one call where somebody wants the run to end."""

    async def respond(self, response: Response) -> Recorded:
        if isinstance(response.decision, Cancel):
            response = response.model_copy(update={"decision": Reject(message=response.decision.reason)})
        return await super().respond(response)


@breaks("P63", Capability.STEER)
class TakesGuidanceForNothing(BrokenRuntime):
    """Says that guidance is queued where nobody will ever hear it."""

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        try:
            return await super().steer(run_id, text, by=by)
        except (RunFinished, GuidanceRefused):
            now, who = self.clock.now(), Responder(id=by) if isinstance(by, str) else by
            return Guidance(id=new_id(now), run_id=run_id, text="…", by=who, given_at=now)


@breaks("P81")
class AnswersWhatIsNotAskedAnyMore(BrokenRuntime):
    """Approves what waits as soon as there is another policy, since that one might not ask."""

    async def wait(self, run_id: str, **how: Any) -> Run:
        run = await super().wait(run_id, **how)
        for request in run.pending:
            if request.because.version != self._around.policy().version:
                await self.respond(request.approve(by="ann"))
        return await super().wait(run_id, **how)
