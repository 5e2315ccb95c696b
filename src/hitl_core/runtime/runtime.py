"""The runtime: what applications hold. Start runs, show and answer their requests, resume, cancel, stop, undo."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Self, cast

from ..capabilities import Capability
from ..channels.announcer import Announcer
from ..commands import (
    CancelRun,
    Claimed,
    ClaimRuns,
    Effect,
    FireTimers,
    GetCheckpoint,
    GetRequest,
    GetRun,
    LiftStop,
    ListEffects,
    ListGuidance,
    ListRequests,
    ListRuns,
    ListStops,
    MoveRequest,
    OpenRun,
    Page,
    Recorded,
    RecordResponse,
    ReopenRun,
    RetryRun,
    SetStop,
    Settled,
    Stop,
    StopScope,
)
from ..contracts import Adapter, Channel, Clock, Finding, Store, require
from ..errors import AppChanged, HitlError, RunBusy, Stopped
from ..gate import Surroundings, preview
from ..lifecycle import RequestEvent
from ..protocol import (
    Arguments,
    Cancel,
    Edit,
    Guidance,
    Json,
    LiveEvent,
    PauseRequest,
    Preview,
    Responder,
    Response,
    Run,
    RunState,
    canonical,
    new_id,
)
from .background import Background
from .judge import MAY_BE_DECIDED, event_of, judge
from .leases import owner_name, release_dead
from .live import Listeners, listen
from .steering import steer
from .turn import Driver

log = logging.getLogger("hitl_core")

INPUT_LIMIT = 1_048_576
"""Bytes of JSON that the input of a run may have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a runtime works. Times in seconds."""

    app: str = ""
    app_version: str = ""
    lease_seconds: float = 30.0
    tenant: str = "default"


class Runtime:
    """One app under one backend with one store. Use as an async context manager, or call `close`."""

    def __init__(
        self,
        *,
        adapter: Adapter,
        around: Surroundings,
        settings: Settings = Settings(),
        channels: Sequence[Channel] = (),
    ) -> None:
        self.adapter = adapter
        self.settings = settings
        self.owner = owner_name()
        self._announcer = Announcer(channels)
        self._around = replace(around, announce=self._announcer.announce)
        self._background = Background()
        self._attaching = asyncio.Lock()
        self._listeners: Listeners = []
        self._attached: tuple[Finding, ...] | None = None
        self._driver = Driver(adapter, self._around, settings.lease_seconds, self._emit, self._watched)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let turns and channels finish, then close the adapter and the store."""
        await self._background.close()
        await self._announcer.close()
        try:
            await self.adapter.close()
        finally:
            await self.store.close()

    @property
    def store(self) -> Store:
        return self._around.store

    @property
    def clock(self) -> Clock:
        return self._around.clock

    async def attach(self) -> tuple[Finding, ...]:
        """Build the app (once) and return what was found in it. Raises AppRefused if it cannot be overseen."""
        async with self._attaching:
            if self._attached is None:
                self._attached = await self.adapter.attach()
            return self._attached

    # ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self, input: object, *, by: str | None = None, thread: str | None = None) -> Run:
        """Start a run and work on it until it pauses or ends.

        `by` is the person on whose behalf it runs (who may then not approve its actions). `thread` is the
        framework's conversation, by default one of its own. Raises AppRefused, NotCanonical, TooLarge, Stopped.
        """
        claimed = await self._open(input, by=by, thread=thread)
        return await self._driver.drive(claimed)

    async def stream(
        self, input: object, *, by: str | None = None, thread: str | None = None
    ) -> AsyncIterator[LiveEvent]:
        """Start a run and yield its live events until it pauses or ends.

        Raises CapabilityNotSupported where the framework has nothing to tell meanwhile, else what `start` raises.
        """
        require(self.adapter, Capability.STREAM_EVENTS)
        claimed = await self._open(input, by=by, thread=thread)
        async with aclosing(listen(self._listeners, claimed.run.id, self._driver.drive(claimed))) as events:
            async for event in events:
                yield event

    async def resume(self, run_id: str, *, ask_again: bool = False) -> Run:
        """Work on a run now if there is something to do: it is ready, it failed, or its worker died.

        A failed run is tried again with the answers it was given; with `ask_again` it is asked anew, for an answer
        that broke it. Returns the run as it stands afterwards. Raises RunNotFound; RunBusy while another worker
        holds it; Stopped.
        """
        claimed = await self._take_up(run_id)
        return await self.run(run_id) if claimed is None else await self._driver.drive(claimed, ask_again=ask_again)

    async def stream_resume(self, run_id: str, *, ask_again: bool = False) -> AsyncIterator[LiveEvent]:
        """Like `resume`, yielding the live events as `stream` does. Nothing is yielded if there is nothing to do."""
        require(self.adapter, Capability.STREAM_EVENTS)
        claimed = await self._take_up(run_id)
        if claimed is None:
            return
        turn = self._driver.drive(claimed, ask_again=ask_again)
        async with aclosing(listen(self._listeners, claimed.run.id, turn)) as events:
            async for event in events:
                yield event

    async def wait(self, run_id: str, *, timeout: float | None = None, through_pauses: bool = False) -> Run:
        """Bring a run to its next pause or its end, working on it here unless somebody else does.

        With `through_pauses`, go on waiting while people decide. Raises TimeoutError after `timeout` seconds; only
        the waiting ends then: a turn that was begun here goes on, and `close` waits for it.
        """
        async with asyncio.timeout(timeout):
            while True:
                run = await self._background.result(self._step(run_id))
                settled = run.state not in (RunState.RUNNING, RunState.READY)
                if settled and not (through_pauses and run.state is RunState.PAUSED):
                    return run
                await self.store.changed(timeout=1.0)

    async def run(self, run_id: str) -> Run:
        """One run with its pending requests. Raises RunNotFound."""
        return await self.store.fetch(GetRun(run_id))

    async def runs(self, *, states: tuple[RunState, ...] = (), limit: int = 50, cursor: str | None = None) -> Page[Run]:
        """Runs, newest first."""
        return await self.store.fetch(ListRuns(states, limit, cursor))

    async def effects(self, run_id: str) -> tuple[Effect, ...]:
        """What the run's actions came to, in the order they were first seen."""
        return await self.store.fetch(ListEffects(run_id))

    async def cancel(self, run_id: str, *, by: str, reason: str = "") -> Run:
        """End a run that is not over; what waits in it never runs. Raises RunNotFound or RunFinished."""
        run = await self.store.apply(CancelRun(run_id, by, reason, self._around.now()))
        await self._forget(run_id)
        return run

    async def undo(self, run_id: str, *, by: str, reason: str = "") -> Run:
        """Take the run back to its last pause and ask again. Outside effects are not undone by this.

        Raises CapabilityNotSupported where the framework cannot, AppChanged where there is no pause to go back to,
        RunNotFound, RunBusy. The framework is only touched once the run is ours.
        """
        require(self.adapter, Capability.UNDO_BY_FORK)
        self._require_ours(await self.run(run_id))
        await self.attach()
        if await self.store.fetch(GetCheckpoint(run_id)) is None:
            raise AppChanged(f"run {run_id} has never paused, so there is no pause to go back to; start a new run")
        reopen = ReopenRun(run_id, self.owner, self.settings.lease_seconds, by, reason, self._around.now())
        claimed = await self.store.apply(reopen)
        return await self._driver.drive(await self._driver.forked(claimed))

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        """Say something to the agent: it enters the conversation at the next safe point, and permits nothing.

        Raises RunNotFound, RunFinished, GuidanceRefused, MayNotSteer; CapabilityNotSupported where it has no way in.
        """
        return await steer(self.adapter, self._around, await self.run(run_id), text, by)

    async def guidance(self, run_id: str) -> tuple[Guidance, ...]:
        """The guidance that a run was given, oldest first, and what became of each."""
        return await self.store.fetch(ListGuidance(run_id))

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────

    async def inbox(
        self, *, roles: tuple[str, ...] = (), limit: int = 50, cursor: str | None = None, notices: bool = False
    ) -> Page[Settled]:
        """Open requests, oldest first."""
        await self.tick()
        query = ListRequests(roles=roles, limit=limit, cursor=cursor, notices=notices)
        return await self.store.fetch(query)

    async def request(self, request_id: str) -> Settled:
        """One request with its state and response. Raises RequestNotFound."""
        return await self.store.fetch(GetRequest(request_id))

    async def respond(self, response: Response) -> Recorded:
        """Decide a request. The first valid answer wins.

        Raises ResponseRefused with every fault, or its subclass: RequestNotFound, AlreadyDecided, RequestClosed,
        RequestExpired, NotAuthorised. A refused answer is recorded and changes nothing.
        """
        settled = await self.store.fetch(GetRequest(response.request_id))
        if settled.state in MAY_BE_DECIDED:
            if isinstance(response.decision, Edit):
                await self._learn_tools()
            await judge(self._around, settled, response)
        recorded = await self.store.apply(RecordResponse(response, self._around.now(), event_of(settled, response)))
        if isinstance(response.decision, Cancel) and not recorded.replayed:
            await self._forget(recorded.settled.request.run_id)
        return recorded

    async def revoke(self, request_id: str, *, by: str, reason: str = "") -> Settled:
        """Take back a decision that has not been used yet. Raises RequestNotFound, IllegalMove."""
        return await self.store.apply(MoveRequest(request_id, RequestEvent.REVOKE, by, reason, self._around.now()))

    async def preview(self, request: PauseRequest, arguments: Arguments) -> Preview | None:
        """What an edit of `request` would do, by the tool's own code; None where this app has none for it."""
        await self._learn_tools()
        traits = self._around.catalogue.traits(request.action.tool)
        return None if traits.preview is None else preview(traits, request.action.edited(arguments))

    # ── stops ────────────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, scope: StopScope, target: str = "", *, by: str, reason: str) -> int:
        """Put a stop in force: nothing that it covers starts any more. Returns how many requests it froze."""
        return await self.store.apply(SetStop(Stop(scope, target, reason, by, self._around.now())))

    async def lift(self, scope: StopScope, target: str = "", *, by: str, reason: str) -> int:
        """Lift a stop: a separate, recorded act. Returns how many requests are open again."""
        return await self.store.apply(LiftStop(scope, target, reason, by, self._around.now()))

    async def stops(self) -> tuple[Stop, ...]:
        """The stops in force."""
        return await self.store.fetch(ListStops())

    # ── work ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def tick(self) -> int:
        """Fire what is due and free the runs of processes that died here; returns how many deadlines fired."""
        fired = await self.store.apply(FireTimers(self._around.now()))
        await release_dead(self.store, self._around.now())
        return len(fired)

    async def claim(self, *, limit: int, run_id: str | None = None) -> tuple[Claimed, ...]:
        """Take runs to work on; `drive` each of them. For workers."""
        await self.attach()
        backends, apps = (self.adapter.name,), (self.settings.app,)
        lease = self.settings.lease_seconds
        return await self.store.apply(ClaimRuns(self.owner, lease, self._around.now(), limit, run_id, backends, apps))

    async def drive(self, claimed: Claimed) -> Run:
        """Work on a claimed run until it pauses or ends. Raises LeaseLost."""
        return await self._driver.drive(claimed)

    async def _open(self, input: object, *, by: str | None, thread: str | None) -> Claimed:
        canonical(input, what="input", limit=INPUT_LIMIT)
        await self.attach()
        now = self._around.now()
        run_id = new_id(now)
        run = Run(
            id=run_id,
            state=RunState.RUNNING,
            backend=self.adapter.name,
            app=self.settings.app,
            app_version=self.settings.app_version,
            thread=thread or run_id,
            tenant=self.settings.tenant,
            started_by=by,
            input=cast("Json", input),
            created_at=now,
            updated_at=now,
        )
        return await self.store.apply(OpenRun(run, self.owner, self.settings.lease_seconds, now))

    def _require_ours(self, run: Run) -> None:
        """Raises RunBusy if this process does not have the run's app."""
        if (run.backend, run.app) == (self.adapter.name, self.settings.app):
            return
        here = f"this process has {self.settings.app!r} under {self.adapter.name!r}"
        raise RunBusy(f"run {run.id} waits for a worker that has {run.app!r} under {run.backend!r}; {here}")

    async def _take_up(self, run_id: str) -> Claimed | None:
        """Claim a run if there is something to do in it now. Raises RunNotFound, RunBusy, Stopped."""
        await self.tick()
        run = await self.run(run_id)
        if run.state not in (RunState.READY, RunState.RUNNING, RunState.FAILED):
            return None
        self._require_ours(run)
        await self.attach()
        if run.state is RunState.FAILED:
            run = await self.store.apply(RetryRun(run_id, by=self.owner, now=self._around.now()))
        claimed = await self.claim(limit=1, run_id=run_id)
        if not claimed:
            raise await self._held_back(run)
        return claimed[0]

    async def _held_back(self, run: Run) -> HitlError:
        """Why a run with work to do cannot be claimed here."""
        whole = ((StopScope.RUN, run.id), (StopScope.TENANT, run.tenant))
        for stop in await self.stops():
            if stop.scope is StopScope.ALL or (stop.scope, stop.target) in whole:
                return Stopped(f"run {run.id} does not go on: {stop.by} stopped it ({stop.reason}); lift that first")
        return RunBusy(f"run {run.id} is being worked on by another process; wait for it, or for its lease to end")

    async def _step(self, run_id: str) -> Run:
        """One look at a run: work on it if it is ready, else see what else can be done for it."""
        for claimed in await self.claim(limit=1, run_id=run_id):
            return await self._driver.drive(claimed)
        with suppress(RunBusy):
            run = await self.run(run_id)
            if run.state in (RunState.READY, RunState.RUNNING):
                return await self.resume(run_id)
            if run.state is RunState.PAUSED and await self.tick():
                return await self._step(run_id)
        return await self.run(run_id)

    async def _learn_tools(self) -> None:
        """Only the app says what its tools are. Without it they count as irreversible, and the gate asks again."""
        try:
            await self.attach()
        except Exception as exc:  # whatever an app that is not at home here raises when it is imported
            log.info("the edited call is judged without the app: %s", exc, exc_info=_unforeseen(exc))

    async def _forget(self, run_id: str) -> None:
        """Let the framework forget a cancelled run; the store has already made sure that nothing in it runs."""
        try:
            run = await self.run(run_id)
            self._require_ours(run)
            await self.attach()
            await self.adapter.cancel(run, await self.store.fetch(GetCheckpoint(run_id)))
        except Exception as exc:  # it is cancelled and recorded: nothing that fails from here on may say otherwise
            log.warning("run %s is cancelled, its framework was not told: %s", run_id, exc, exc_info=_unforeseen(exc))

    # ── live events ──────────────────────────────────────────────────────────────────────────────────────────

    def _emit(self, event: LiveEvent) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def _watched(self) -> bool:
        return bool(self._listeners)


def _unforeseen(exc: Exception) -> Exception | None:
    """The traceback is for what is not an error of ours: those say all there is."""
    return None if isinstance(exc, HitlError) else exc
