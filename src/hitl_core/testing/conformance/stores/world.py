"""A small world to try a store in: runs, requests, answers, and a time that only the behaviour moves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ....commands import (
    BeginEffect,
    Claimed,
    ClaimRuns,
    Command,
    Effect,
    GetRequest,
    GetRun,
    Lease,
    OpenRun,
    PauseRun,
    ReadAudit,
    Recorded,
    RecordResponse,
    Settled,
)
from ....commands.kinds import R
from ....contracts import Store
from ....lifecycle import RequestState
from ....protocol import (
    Action,
    Because,
    EffectMode,
    Kind,
    Level,
    PauseRequest,
    Reply,
    Response,
    Run,
    RunState,
    new_id,
)
from ...clock import START

Open = Callable[[Path], Awaitable[Store]]

PAY: Final = Action(tool="pay", arguments={"order": "A-1042", "amount": 40.5})
LEASE: Final = 30.0


class StoreWorld:
    """One handle on the store, more of them on demand, and a `now` that goes with every command."""

    def __init__(self, open: Open, folder: Path) -> None:
        self._open, self._folder = open, folder
        self._handles: list[Store] = []
        self.now: datetime = START

    async def store(self) -> Store:
        """The handle that is used unless another one is asked for."""
        return self._handles[0] if self._handles else await self.another()

    async def another(self) -> Store:
        """One more handle on the same data."""
        self._handles.append(await self._open(self._folder))
        return self._handles[-1]

    async def reopen(self) -> None:
        """Close every handle; the next one is opened by what would be another process."""
        for handle in self._handles:
            await handle.close()
        self._handles.clear()

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def apply(self, command: Command[R]) -> R:
        return await (await self.store()).apply(command)

    # ── acts ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def opens(self, **fields: Any) -> Claimed:
        """A new run, leased to worker-1."""
        given: dict[str, Any] = {
            "id": new_id(self.now),
            "state": RunState.RUNNING,
            "backend": "any",
            "app": "conformance:app",
            "thread": "thread-1",
            "input": {"order": "A-1042"},
            "created_at": self.now,
            "updated_at": self.now,
        }
        return await self.apply(OpenRun(Run(**(given | fields)), "worker-1", LEASE, self.now))

    def request(self, claimed: Claimed, call: str = "pay#1", **fields: Any) -> PauseRequest:
        given: dict[str, Any] = {
            "id": new_id(self.now),
            "run_id": claimed.run.id,
            "call": call,
            "kind": Kind.APPROVAL,
            "level": Level.CONFIRM,
            "title": "Pay A-1042",
            "action": PAY,
            "digest": PAY.digest,
            "allowed": tuple(Reply),
            "because": Because(rule="money", version="1", why="Money leaves the house."),
            "created_at": self.now,
        }
        return PauseRequest(**(given | fields))

    async def pauses(self, claimed: Claimed, *requests: PauseRequest, **more: Any) -> Run:
        return await self.apply(PauseRun(claimed.lease, {"step": 1}, requests, self.now, **more))

    async def paused(self, count: int = 1, **fields: Any) -> tuple[Run, list[PauseRequest]]:
        """A new run that waits at `count` requests; `fields` are those of the requests."""
        claimed = await self.opens()
        requests = [self.request(claimed, f"pay#{number}", **fields) for number in range(1, count + 1)]
        return await self.pauses(claimed, *requests), requests

    async def answers(self, response: Response, **more: Any) -> Recorded:
        return await self.apply(RecordResponse(response, self.now, **more))

    async def claims(self, run: Run | None = None, owner: str = "worker-2", **more: Any) -> list[Claimed]:
        run_id, limit = None if run is None else run.id, more.pop("limit", 10)
        return list(await self.apply(ClaimRuns(owner, LEASE, self.now, limit, run_id, **more)))

    async def approved(self) -> tuple[Lease, PauseRequest]:
        """A lease on a run whose only request is approved."""
        run, (request,) = await self.paused()
        await self.answers(request.approve(by="ann"))
        (claimed,) = await self.claims(run)
        return claimed.lease, request

    async def begins(
        self,
        lease: Lease,
        request: PauseRequest | None = None,
        *,
        action: Action = PAY,
        call: str = "pay#1",
        **more: Any,
    ) -> Effect:
        mode = more.pop("mode", EffectMode.LEDGER)
        request_id = None if request is None else request.id
        return await self.apply(BeginEffect(lease, call, action, mode, self.now, request_id=request_id, **more))

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────

    async def settled(self, request: PauseRequest) -> Settled:
        return await (await self.store()).fetch(GetRequest(request.id))

    async def state(self, request: PauseRequest) -> RequestState:
        return (await self.settled(request)).state

    async def run(self, run: Run) -> Run:
        return await (await self.store()).fetch(GetRun(run.id))

    async def events(self) -> list[str]:
        return [str(entry.event) for entry in (await (await self.store()).fetch(ReadAudit())).items]
