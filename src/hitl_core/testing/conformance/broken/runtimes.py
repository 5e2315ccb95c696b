"""Runtimes that do not do what people tell them about a run: who is asked, when, what stops, what is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from ....capabilities import Capability
from ....commands import GetRequest, LiftStop, Override, Recorded, Settled, StopScope
from ....errors import GuidanceRefused, RunFinished
from ....protocol import (
    Cancel,
    Delegate,
    Guidance,
    Reject,
    Responder,
    Response,
    Run,
    RunState,
    Undoing,
    UndoState,
    new_id,
)
from ....runtime import Runtime
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


@breaks("P61")
class LiftsStopsOnRestart(BrokenRuntime):
    """Starts with a clean slate: no stop is in force."""

    async def __aenter__(self) -> Self:
        for stop in await self.stops():
            await self.lift(stop.scope, stop.target, by="nobody", reason="restart")
        return await super().__aenter__()


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
class TakesGuidanceForConsent(BrokenRuntime):
    """Reads a person's guidance, and approves what waits if it says so."""

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        given = await super().steer(run_id, text, by=by)
        for request in (await self.run(run_id)).pending if "approved" in text.lower() else ():
            await self.respond(request.approve(by="ann"))
        return given


@breaks("P63", Capability.STEER)
class TakesGuidanceForNothing(BrokenRuntime):
    """Says that guidance is queued where nobody will ever hear it."""

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        try:
            return await super().steer(run_id, text, by=by)
        except (RunFinished, GuidanceRefused):
            now, who = self.clock.now(), Responder(id=by) if isinstance(by, str) else by
            return Guidance(id=new_id(now), run_id=run_id, text="…", by=who, given_at=now)


@breaks("P64")
class SaysThatAllWasUndone(BrokenRuntime):
    """Reports an undo as whole, whatever came of its parts."""

    async def undo(self, run_id: str, call: str | None = None, *, by: str | Responder, reason: str = "") -> Undoing:
        made = await super().undo(run_id, call, by=by, reason=reason)
        calls = tuple(each.model_copy(update={"state": UndoState.COMPENSATED}) for each in made.calls)
        return made.model_copy(update={"calls": calls})


@breaks("P67")
class ForgetsWhatItWas(BrokenRuntime):
    """Takes the output that a person gave for the one that there always was."""

    async def overrides(self, run_id: str) -> tuple[Override, ...]:
        return tuple(replace(each, original=each.value) for each in await super().overrides(run_id))


@breaks("P81")
class AnswersWhatIsNotAskedAnyMore(BrokenRuntime):
    """Approves what waits as soon as there is another policy, since that one might not ask."""

    async def wait(self, run_id: str, **how: Any) -> Run:
        run = await super().wait(run_id, **how)
        for request in run.pending:
            if request.because.version != self._around.policy().version:
                await self.respond(request.approve(by="ann"))
        return await super().wait(run_id, **how)
