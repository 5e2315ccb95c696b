"""One turn: drive an adapter from a claim to its next ending, and commit what came of it in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import NoReturn, assert_never

from ..commands import Claimed, Command, FinishRun, Lease, PauseRun, RenewLease
from ..contracts import Adapter, Broke, Completed, Ending, Paused, Turn, endings
from ..errors import HitlError, LeaseLost, RecordError, StoreUnavailable
from ..gate import Gate, Surroundings
from ..protocol import Json, LiveEvent, LiveKind, PauseRequest, Run, RunState
from .assigning import assigned
from .undoing import undo

log = logging.getLogger("hitl_core")


@dataclass(frozen=True, slots=True)
class Driver:
    """What every turn of a runtime has in common."""

    adapter: Adapter
    around: Surroundings
    lease_seconds: float
    emit: Callable[[LiveEvent], None]
    watched: Callable[[], bool]
    attach: Callable[[], Awaitable[object]]

    async def drive(self, claimed: Claimed, *, ask_again: bool = False) -> Run:
        """Run one turn; returns the run as committed. Raises LeaseLost if another worker took over meanwhile."""
        gate = Gate(self.around, claimed.run, claimed.lease)
        turn = Turn(claimed, gate, lambda event: self.emit(gate.veil.event(event)), self.watched(), ask_again)
        ending = await self._advance_while_leased(turn)
        try:
            ending = await self._given_out(turn, ending)
            run = await self.around.store.apply(self._commit(turn, ending))
        except RecordError as exc:  # what came of the turn cannot be kept: say so, instead of trying for ever
            ending = Broke(f"{exc.code} {exc}", checkpoint=turn.checkpoint)
            run = await self.around.store.apply(self._commit(turn, ending))
        self._tell(run, ending)
        return run

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
        try:
            async with asyncio.TaskGroup() as group:
                pulse = group.create_task(self._keep(turn.claimed.lease))
                ending = await self._advance(turn)
                pulse.cancel()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return ending

    async def _keep(self, lease: Lease) -> NoReturn:
        while True:
            await self.around.clock.sleep(self.lease_seconds / 3)
            lease = await self._renewed(lease)

    async def _renewed(self, lease: Lease) -> Lease:
        """Renew a lease, however often that takes: while it stands, a store that is away is no reason to stop a tool.

        Raises LeaseLost, or StoreUnavailable when the lease has ended unrenewed.
        """
        while True:
            now = self.around.now()
            try:
                return await self.around.store.apply(RenewLease(lease, self.lease_seconds, now))
            except StoreUnavailable as exc:
                left = (lease.until - self.around.now()).total_seconds()
                if left <= 0:
                    raise
                log.warning("run %s: its lease could not be renewed, %.1f s are left: %s", lease.run_id, left, exc)
            await self.around.clock.sleep(min(left, self.lease_seconds / 10))

    async def _advance(self, turn: Turn) -> Ending:
        """The adapter's ending; what it raises becomes Broke, except that our claim ended."""
        try:
            if turn.run.undoes is not None:
                return await undo(turn, self.around.store, self.attach)
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
            return Broke(f"{exc.code} {exc}", checkpoint=turn.checkpoint)
        except Exception as exc:
            endings.exception("run %s failed", turn.run.id)
            return Broke(f"{type(exc).__name__}: {exc}", checkpoint=turn.checkpoint)

    async def _given_out(self, turn: Turn, ending: Ending) -> Ending:
        """The ending; the requests of a pause in order, each given to whoever's turn it is."""
        if not isinstance(ending, Paused) or turn.gate.stopped is not None:
            return ending
        return replace(ending, requests=await assigned(self.around, turn.run, _in_order(turn, ending)))

    def _commit(self, turn: Turn, ending: Ending) -> Command[Run]:
        lease, now = turn.claimed.lease, self.around.clock.now()
        if turn.gate.stopped is not None:
            return FinishRun(lease, RunState.STOPPED, now, error=str(turn.gate.stopped), checkpoint=turn.checkpoint)
        match ending:
            case Paused(checkpoint, requests, consumed, orphaned):
                return PauseRun(lease, checkpoint, requests, now, consumed, orphaned)
            case Completed() if turn.gate.unfinished:
                calls = ", ".join(turn.gate.unfinished)
                lost = f"the app ended while {calls} had no outcome; resume to be asked about it"
                return FinishRun(lease, RunState.FAILED, now, error=lost, checkpoint=turn.checkpoint)
            case Completed(output=output, consumed=consumed):
                return FinishRun(lease, RunState.COMPLETED, now, output=output, consumed=consumed)
            case Broke(error=error, checkpoint=checkpoint, consumed=consumed):
                said = turn.gate.veil.text(error)
                return FinishRun(lease, RunState.FAILED, now, error=said, checkpoint=checkpoint, consumed=consumed)
            case _:
                assert_never(ending)

    def _tell(self, run: Run, ending: Ending) -> None:
        data: Json = {"state": run.state, "pending": [request.id for request in run.pending]}
        self.emit(LiveEvent(run_id=run.id, kind=_LIVE[type(ending)], text=run.error, data=data))
        if not isinstance(ending, Paused):
            return
        for request in run.pending:
            self.around.announce(request)


_LIVE = {Paused: LiveKind.PAUSED, Completed: LiveKind.COMPLETED, Broke: LiveKind.FAILED}


def _in_order(turn: Turn, ending: Paused) -> tuple[PauseRequest, ...]:
    """Lifted and gated requests, each place once; those of the gate come in the order in which it was asked."""
    by_place = {(request.call, request.round): request for request in (*ending.requests, *turn.gate.waiting)}
    return tuple(by_place.values())
