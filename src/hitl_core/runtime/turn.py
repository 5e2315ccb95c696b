"""One turn: drive an adapter from a claim to its next ending, and commit what came of it in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

from ..commands import Again, Build, Claimed, ClaimRuns, Command, FinishRun, GetRun, PauseRun, RetryRun
from ..contracts import Adapter, Broke, Completed, Ending, Paused, Turn, endings
from ..errors import HitlError, LeaseLost, RecordError, RunBusy, RunFinished
from ..gate import Gate, Surroundings
from ..logs import placed
from ..protocol import Json, LiveEvent, LiveKind, PauseRequest, Run, RunState
from .assigning import assigned
from .client_tools import require_client_tools_still
from .holding import Held, Holding
from .transcripts import Hearing, keep
from .undoing import undo

log = logging.getLogger("hitl_core")

_ANEW: Final = 3
"""How often a run goes on at once because others had the grant that a call of it was let through under."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What every turn of a runtime has in common."""

    adapter: Adapter
    around: Surroundings
    holding: Holding
    build: Callable[[], Build]
    emit: Callable[[LiveEvent], None]
    watched: Callable[[], bool]
    attach: Callable[[], Awaitable[object]]
    keeps: bool = False

    async def drive(self, claimed: Claimed, *, ask_again: bool = False, again: Again | None = None) -> Run:
        """Run one turn; returns the run as committed. Raises LeaseLost if another worker took over meanwhile.

        One that breaks before anything ran is tried again later, as `again` says. One that has lost
        the grant it was let through under goes on at once: people are asked then, and nothing ran.
        """
        left = _ANEW
        while True:
            with placed(run_id=claimed.run.id, turn=str(claimed.lease.fence), worker=claimed.lease.owner):
                run, ending, lost = await self._turn(claimed, again, ask_again=ask_again)
            anew = await self._claimed_anew(claimed) if lost and left else ()
            if not anew:
                self._tell(run, ending)
                return await self.around.store.fetch(GetRun(run.id)) if lost else run
            claimed, left = anew[0], left - 1

    async def _claimed_anew(self, claimed: Claimed) -> tuple[Claimed, ...]:
        """The run once more, unless another worker was first."""
        lease, now = claimed.lease, self.around.now()
        with suppress(RunBusy, RunFinished):
            await self.around.store.apply(RetryRun(lease.run_id, by=lease.owner, now=now))
        return await self.around.store.apply(ClaimRuns(lease.owner, self.holding.seconds, now, run_id=lease.run_id))

    async def _turn(self, claimed: Claimed, again: Again | None, *, ask_again: bool) -> tuple[Run, Ending, bool]:
        """One turn, how it ended, and whether it has failed because a grant was gone."""
        gate = Gate(self.around, claimed.run, claimed.lease)
        gate.recalled = claimed.journal
        hearing = Hearing(claimed.run, self.around.now)

        def emit(event: LiveEvent) -> None:
            shown = gate.veil.event(event)
            if self.keeps:
                hearing.hear(shown)
            self.emit(shown)

        turn = Turn(claimed, gate, emit, self.keeps or self.watched(), ask_again)
        ending = await self._advance_while_leased(turn)
        if self.keeps:
            await keep(self.around.store, claimed.run.id, partial(hearing.said, ending, gate.veil))
        try:
            ending = await self._given_out(turn, ending)
            run = await self.around.store.apply(self._commit(turn, ending, again))
        except RecordError as exc:  # what came of the turn cannot be kept: say so, instead of trying for ever
            ending = Broke(f"{exc.code} {exc}", checkpoint=turn.checkpoint, unasked=True)
            run = await self.around.store.apply(self._commit(turn, ending))
        lost = gate.granting.lost
        return run, ending, run.state is RunState.FAILED and lost is not None and str(lost) in run.error

    async def forked(self, claimed: Claimed) -> Claimed:
        """The claim with the checkpoint of the framework's fork. If that fails, so does the run; try again then."""
        try:
            return replace(claimed, checkpoint=await self.adapter.rewind(claimed.run, claimed.checkpoint))
        except Exception as exc:
            why, now = f"going back failed: {type(exc).__name__}: {exc}", self.around.now()
            await self.around.store.apply(FinishRun(claimed.lease, RunState.FAILED, now, error=why))
            raise

    async def _advance_while_leased(self, turn: Turn) -> Ending:
        """Advance, renewing the lease meanwhile. A lost lease cancels the work: whatever it did would be refused."""
        with self.holding.holding(turn.claimed.lease) as held:
            turn.gate.renew = held.renew_if_over
            return await self._advance_while_held(turn, held)

    async def _advance_while_held(self, turn: Turn, held: Held) -> Ending:
        try:
            async with asyncio.TaskGroup() as group:
                pulse = group.create_task(held.keep())
                ending = await self._advance(turn)
                pulse.cancel()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return ending

    async def _advance(self, turn: Turn) -> Ending:
        """The adapter's ending; what it raises becomes Broke, except that our claim ended."""
        try:
            if turn.run.undoes is not None:
                return await undo(turn, self.around.store, self.attach)
            if turn.run.tools:
                await self.attach()
                require_client_tools_still(self.adapter, self.around.catalogue, turn.run)
            ending = await self.adapter.advance(turn)
            if turn.gate.changed is not None and not isinstance(ending, Broke):
                raise turn.gate.changed  # whatever the app made of the error: this is not the app that was paused
            if isinstance(ending, Paused):
                requests = await turn.gate.turns.all_going_on(ending.requests, waiting=turn.gate.waiting)
                return replace(ending, requests=requests)
            return ending
        except LeaseLost:
            raise
        except HitlError as exc:
            endings.warning("run %s: %s", turn.run.id, exc)
            return Broke(f"{exc.code} {exc}", checkpoint=turn.checkpoint, unasked=True)
        except Exception as exc:
            endings.exception("run %s failed", turn.run.id)
            return Broke(f"{type(exc).__name__}: {exc}", checkpoint=turn.checkpoint, unasked=True)

    async def _given_out(self, turn: Turn, ending: Ending) -> Ending:
        """The ending; the requests of a pause in order, each given to whoever's turn it is."""
        if not isinstance(ending, Paused) or turn.gate.stopped is not None:
            return ending
        return replace(ending, requests=await assigned(self.around, turn.run, _in_order(turn, ending)))

    def _commit(self, turn: Turn, ending: Ending, again: Again | None = None) -> Command[Run]:
        lease, now = turn.claimed.lease, self.around.clock.now()
        by = None if turn.run.undoes is not None else self.build()
        if (stop := turn.gate.stopped) is not None:
            held, told = (stop.scope, stop.target) if stop.scope else None, _still_interrupted(turn, ending)
            ended = FinishRun(lease, RunState.STOPPED, now, error=str(stop), checkpoint=turn.checkpoint, held=held)
            return replace(ended, interrupted=told)
        match ending:
            case Paused(checkpoint, requests, consumed, orphaned):
                most, untold = self._quota(turn), self.around.untold()
                return PauseRun(lease, checkpoint, requests, now, consumed, orphaned, by, most, untold)
            case Completed() if turn.gate.unfinished:
                calls = ", ".join(turn.gate.unfinished)
                lost = f"the app ended while {calls} had no outcome; resume to be asked about it"
                return FinishRun(lease, RunState.FAILED, now, error=lost, checkpoint=turn.checkpoint)
            case Completed(output=output, consumed=consumed):
                return FinishRun(lease, RunState.COMPLETED, now, output=output, consumed=consumed)
            case Broke():
                repeatable = ending.repeatable and not turn.gate.called_in_store
                return self._broke(turn, ending, again if repeatable else None, by)
            case _:
                assert_never(ending)

    def _quota(self, turn: Turn) -> int:
        """What agents may ask. That an action is to be undone is a person's wish."""
        return self.around.asked_a_minute if turn.run.undoes is None else 0

    def _broke(self, turn: Turn, ending: Broke, again: Again | None, by: Build | None) -> FinishRun:
        return FinishRun(
            turn.claimed.lease,
            RunState.FAILED,
            self.around.clock.now(),
            error=turn.gate.veil.text(ending.error),
            checkpoint=ending.checkpoint,
            consumed=ending.consumed,
            again=again,
            by=by,
            interrupted=_still_interrupted(turn, ending),
        )

    def _tell(self, run: Run, ending: Ending) -> None:
        data: Json = {"state": run.state, "pending": [request.id for request in run.pending]}
        self.emit(LiveEvent(run_id=run.id, kind=_LIVE[type(ending)], text=run.error, data=data))
        if not isinstance(ending, Paused) or run.retry_at is not None:
            return
        for request in run.pending:
            self.around.announce(request)


def _still_interrupted(turn: Turn, ending: Ending) -> bool:
    """Whether the next turn is to ask what a crash may have left: this one did not, or what it asked is not kept."""
    return turn.claimed.interrupted and (ending.unasked if isinstance(ending, Broke) else isinstance(ending, Paused))


_LIVE = {Paused: LiveKind.PAUSED, Completed: LiveKind.COMPLETED, Broke: LiveKind.FAILED}


def _in_order(turn: Turn, ending: Paused) -> tuple[PauseRequest, ...]:
    """Lifted and gated requests, each place once; those of the gate come in the order in which it was asked."""
    by_place = {(request.call, request.round): request for request in (*ending.requests, *turn.gate.waiting)}
    return tuple(by_place.values())
