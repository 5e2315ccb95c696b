"""A small world to try a store in: runs, requests, answers, and a time that only the test moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hitl_core.commands import (
    BeginEffect,
    Claimed,
    ClaimRuns,
    Effect,
    FireTimers,
    GetRequest,
    GetRun,
    Lease,
    OpenRun,
    PauseRun,
    ReadAudit,
    Recorded,
    RecordResponse,
    SetStop,
    Settled,
    Stop,
    StopScope,
)
from hitl_core.contracts import Store
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import (
    Action,
    AuditEntry,
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
from hitl_core.testing.clock import START

REFUND = Action(tool="refund", arguments={"order": "A-1042", "amount": 120.5})


class World:
    """One store, and a `now` that is passed with every command."""

    def __init__(self, store: Store, now: datetime = START) -> None:
        self.store = store
        self.now = now

    def later(self, seconds: float) -> datetime:
        """Move the time on."""
        self.now += timedelta(seconds=seconds)
        return self.now

    # ── records ──────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, **fields: Any) -> Run:
        given: dict[str, Any] = {
            "id": new_id(self.now),
            "state": RunState.RUNNING,
            "backend": "plain",
            "app": "desk:app",
            "thread": "thread-1",
            "input": {"order": "A-1042"},
            "created_at": self.now,
            "updated_at": self.now,
        }
        return Run(**(given | fields))

    def request(
        self, run: Run | Claimed, call: str = "refund#1", action: Action = REFUND, **fields: Any
    ) -> PauseRequest:
        given: dict[str, Any] = {
            "id": new_id(self.now),
            "run_id": run.run.id if isinstance(run, Claimed) else run.id,
            "call": call,
            "kind": Kind.APPROVAL,
            "level": Level.CONFIRM,
            "title": "Refund 120.50 for A-1042",
            "action": action,
            "digest": action.digest,
            "allowed": tuple(Reply),
            "because": Because(rule="refunds", version="7", why="Refunds need a person."),
            "created_at": self.now,
        }
        return PauseRequest(**(given | fields))

    # ── acts ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def open(self, owner: str = "worker-1", lease_seconds: float = 30, **fields: Any) -> Claimed:
        return await self.store.apply(OpenRun(self.run(**fields), owner, lease_seconds, self.now))

    async def pause(self, claimed: Claimed, *requests: PauseRequest, **more: Any) -> Run:
        checkpoint = more.pop("checkpoint", {"step": 1})
        return await self.store.apply(PauseRun(claimed.lease, checkpoint, requests, self.now, **more))

    async def paused(self, count: int = 1, **fields: Any) -> tuple[Run, list[PauseRequest]]:
        """A new run that waits at `count` requests; `fields` are those of the requests."""
        claimed = await self.open()
        requests = [self.request(claimed, f"refund#{number}", **fields) for number in range(1, count + 1)]
        return await self.pause(claimed, *requests), requests

    async def answer(self, response: Response, **more: Any) -> Recorded:
        return await self.store.apply(RecordResponse(response, self.now, **more))

    async def claim(self, run: Run | None = None, owner: str = "worker-2", **more: Any) -> Claimed:
        run_id = None if run is None else run.id
        (claimed,) = await self.store.apply(ClaimRuns(owner, 30, self.now, run_id=run_id, **more))
        return claimed

    async def claims(self, limit: int = 10, owner: str = "worker-2", **more: Any) -> list[str]:
        """The ids of the runs that could be claimed."""
        taken = await self.store.apply(ClaimRuns(owner, 30, self.now, limit, **more))
        return [each.run.id for each in taken]

    async def approved(self, action: Action = REFUND) -> tuple[Lease, PauseRequest]:
        """A lease on a run whose only request is approved."""
        run, (request,) = await self.paused(action=action, digest=action.digest)
        await self.answer(request.approve(by="ann"))
        return (await self.claim(run)).lease, request

    async def begin(self, lease: Lease, call: str = "refund#1", action: Action = REFUND, **more: Any) -> Effect:
        mode = more.pop("mode", EffectMode.LEDGER)
        return await self.store.apply(BeginEffect(lease, call, action, mode, self.now, **more))

    async def fire(self, limit: int = 500) -> list[str]:
        """The ids of the requests whose deadline fired."""
        return [each.request.id for each in await self.store.apply(FireTimers(self.now, limit))]

    async def stop(self, scope: StopScope, target: str = "") -> int:
        return await self.store.apply(SetStop(Stop(scope, target, "too fast", "boss", self.now)))

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────

    async def settled(self, request: PauseRequest) -> Settled:
        return await self.store.fetch(GetRequest(request.id))

    async def state(self, request: PauseRequest) -> RequestState:
        return (await self.settled(request)).state

    async def run_state(self, run: Run) -> RunState:
        return (await self.store.fetch(GetRun(run.id))).state

    async def trail(self, run: Run | None = None) -> list[AuditEntry]:
        page = await self.store.fetch(ReadAudit(run_id=None if run is None else run.id))
        return list(page.items)

    async def events(self, run: Run | None = None) -> list[str]:
        return [entry.event for entry in await self.trail(run)]
