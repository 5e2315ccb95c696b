"""Gates that let calls pass where they must not, or mistake which call, which agent or which process is meant."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from typing import Any, cast

from ....capabilities import Capability
from ....commands import ListAsked, ListRequests, Settled
from ....contracts import Ending, Turn
from ....errors import Stopped
from ....gate import Carrying, Form, Gate
from ....gate.veil import Veil
from ....gate.verdicts import verdict
from ....lifecycle import RequestState
from ....protocol import (
    Action,
    Answer,
    Approve,
    Guidance,
    Json,
    Origin,
    Proceed,
    Refuse,
    Reject,
    Reply,
    Response,
    Verdict,
    Wait,
)
from ....tools import Catalogue
from ..world import Parts
from .adapters import BrokenAdapter
from .breaking import breaks
from .gate import NO_FORM, BrokenGate, Unrecorded


@breaks("P27")
class AsksForEver(BrokenGate):
    """Asks people about the same call however often they have rejected it."""

    def __init__(self, inner: Gate) -> None:
        super().__init__(inner)
        inner._around = replace(inner._around, rejected_in_a_row=0)


@breaks("P27")
class CountsEveryRejection(BrokenGate):
    """Refuses a call because others of its tool were rejected before."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        asked = await self.inner._store.fetch(ListAsked(self.inner.run.id, action.tool))
        rejected = [each for each in asked if each.response and isinstance(each.response.decision, Reject)]
        if len(rejected) < 3 or not isinstance(said, Wait):
            return said
        self.inner.questions.waiting.pop(call, None)
        return Refuse("people have rejected exactly this 3 times in a row")


@breaks("P31", Capability.PARALLEL_PAUSES)
class SwapsAnswers(BrokenGate):
    """Hands the answers of several calls of one tool out in the reverse order."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        query = ListRequests(states=tuple(RequestState), run_id=self.inner.run.id, limit=100)
        asked = [
            each for each in (await self.inner._store.fetch(query)).items if each.request.action.tool == action.tool
        ]
        calls = [each.request.call for each in asked]
        if call not in calls or len(calls) < 2 or isinstance(said, Wait):
            return said
        other = verdict(asked[len(asked) - 1 - calls.index(call)])
        return self.lets_run(action, call) if isinstance(other, Proceed) else other


@breaks("P31")
class EqualCallsShareAnAnswer(BrokenGate):
    """Finds the answer of a call by its arguments and not by its place."""

    async def propose(self, action: Action, *, call: str, form: Form = NO_FORM) -> Verdict:
        return await self.inner.propose(action, call=f"{action.tool}/{action.digest}", form=form)


@breaks("P32", Capability.NESTED_PAUSES)
class HidesTheSubAgent(BrokenGate):
    """Does not say which agent asks."""

    async def propose(self, action: Action, *, call: str, form: Form = NO_FORM) -> Verdict:
        return await self.inner.propose(action.model_copy(update={"origin": Origin()}), call=call, form=form)


class _Forgetful(BrokenGate):
    async def journal(self) -> dict[str, Json]:
        return {}


@breaks("P40")
class StartsAnew(BrokenAdapter):
    """Starts from the beginning when another process resumes: without checkpoint, thread and journal."""

    async def advance(self, turn: Turn) -> Ending:
        thread = f"{turn.run.thread}-{turn.claimed.lease.fence}"
        run = turn.run.model_copy(update={"thread": thread})
        claimed = replace(turn.claimed, run=run, checkpoint=None)
        return await self._inner.advance(replace(turn, claimed=claimed, gate=cast("Gate", _Forgetful(turn.gate))))


@breaks("P42")
class RunsAgainWhatIsInDoubt(BrokenGate):
    """Runs a call again whose process died in it."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        return self.lets_run(action, call) if isinstance(said, Wait) and said.request.in_doubt else said


@breaks("P43")
class WorksWithoutALease(BrokenGate):
    """Runs what is allowed without beginning it, so that nobody sees that its lease is over."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        return self.lets_run(said.action, call) if isinstance(said, Proceed) else said


class _Unstoppable:
    def __init__(self, gate: Gate, inner: Carrying, instead: Unrecorded) -> None:
        self._gate, self._inner, self._instead = gate, inner, instead
        self._async, self._sync = AsyncExitStack(), ExitStack()

    async def __aenter__(self) -> Any:
        try:
            return await self._async.enter_async_context(self._inner)
        except Stopped:
            self._gate.stopped = None
            return self._instead

    async def __aexit__(self, kind: Any, exc: Any, trace: Any) -> None:
        await self._async.__aexit__(kind, exc, trace)

    def __enter__(self) -> Any:
        try:
            return self._sync.enter_context(self._inner)
        except Stopped:
            self._gate.stopped = None
            return self._instead

    def __exit__(self, kind: Any, exc: Any, trace: Any) -> None:
        self._sync.__exit__(kind, exc, trace)


@breaks("P60")
class IgnoresStops(BrokenGate):
    """Runs a call that a stop holds back."""

    def carry_out(self, allowed: Proceed, *, suspends: tuple[type[BaseException], ...] = ()) -> Any:
        return _Unstoppable(self.inner, self.inner.carry_out(allowed, suspends=suspends), Unrecorded(allowed))


@breaks("P60", Capability.DRAIN)
class HearsOfAStopAtTheNextTool(BrokenGate):
    """Does not look for stops while its framework works: the next tool is held back, the model is asked until then."""

    async def heed_stops(self) -> bool:
        return False


@breaks("P63", Capability.STEER)
class TakesGuidanceAndSaysNothing(BrokenGate):
    """Takes a person's guidance and does not tell the model."""

    async def entering(self, place: str, **how: Any) -> tuple[Guidance, ...]:
        await self.inner.entering(place, **how)
        return ()


@breaks("P63", Capability.STEER)
class ForgetsGuidanceInACrash(BrokenGate):
    """Tells the model what has just been queued, and nothing of what was taken by a process that died then."""

    async def entering(self, place: str, **how: Any) -> tuple[Guidance, ...]:
        entered = await self.inner.entering(place, **how)
        return tuple(each for each in entered if each.settled_at == self.inner.clock.now())


@breaks("P71")
class ReportsNoOutcome(BrokenGate):
    """Begins an effect and never says what came of it."""

    async def end(self, begun: Any, outcome: Any) -> None:
        self.inner._begun.discard(begun.call)

    def carry_out(self, allowed: Proceed, *, suspends: tuple[type[BaseException], ...] = ()) -> Any:
        return Carrying(cast("Gate", self), allowed, suspends)


@breaks("P72", Capability.STREAM_EVENTS)
class RunsWhatIsWatched(BrokenGate):
    """Takes somebody who watches for somebody who has approved."""

    @classmethod
    def made_of(cls) -> Parts:
        class Breaking(BrokenAdapter):
            async def advance(self, turn: Turn) -> Ending:
                gate = cast("Gate", cls(turn.gate)) if turn.watched else turn.gate
                return await self._inner.advance(replace(turn, gate=gate))

        return Parts(adapter=Breaking)

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        return self.lets_run(action, call) if isinstance(said, Wait) else said


@breaks("P73")
class ShowsSecrets(BrokenGate):
    """Asks about a call with all that is secret in it."""

    def __init__(self, inner: Gate) -> None:
        super().__init__(inner)
        inner.veil = Veil(None, inner.run.id, Catalogue())


@breaks("P73")
class RunsTheMask(BrokenGate):
    """Gives the tool what people were shown in the place of a secret."""

    def carry_out(self, allowed: Proceed, *, suspends: tuple[type[BaseException], ...] = ()) -> Any:
        carrying = super().carry_out(allowed, suspends=suspends)
        carrying.arguments = dict(self.inner.veil.drawn(allowed).action.arguments)
        return carrying


def _is_no(response: Response) -> bool:
    decision = response.decision
    return isinstance(decision, Reject) or (isinstance(decision, Answer) and decision.value == "no")


@breaks("P92", Capability.LIFT_NATIVE_PAUSES)
class TurnsANoIntoAYes(BrokenGate):
    """Lowers a rejection to what the app takes for consent."""

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        return self.lets_run(action, call) if isinstance(said, Refuse) else said

    async def settled(self, call: str) -> Settled | None:
        found = await self.inner.settled(call)
        if found is None or found.response is None or not _is_no(found.response):
            return found
        consent = Approve() if Reply.APPROVE in found.request.allowed else Answer(value="yes")
        return replace(found, response=found.response.model_copy(update={"decision": consent}))
