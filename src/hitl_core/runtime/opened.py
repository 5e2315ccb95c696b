"""A runtime that is open: what it holds, how it is closed, and how it works on runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final, Self, TypeVar, cast

from ..channels.announcer import TOLD_A_MINUTE, Announcer
from ..commands import (
    Again,
    Build,
    Claimed,
    ClaimRuns,
    FireTimers,
    GetCheckpoint,
    GetRun,
    Lease,
    ListStops,
    Loads,
    OpenRun,
    RetryRun,
    StopScope,
)
from ..contracts import Adapter, Channel, Clock, Finding, Store, formats_of
from ..errors import AdapterNotInstalled, AdapterTooOld, HitlError, RunBusy, Stopped
from ..gate import Surroundings
from ..lifecycle import RequestState
from ..people import Directory
from ..protocol import ClientTool, Json, LiveEvent, Run, RunState, canonical, new_id
from ..tools import Catalogue
from .background import Background
from .client_tools import require_client_tools
from .holding import Holding
from .identity import on_behalf_of
from .leases import owner_name, release_dead
from .live import Listeners, listen
from .pruning import KEPT, Pruning
from .transcripts import Words, asked, keep
from .turn import Driver

log = logging.getLogger("hitl_core")

R = TypeVar("R")

INPUT_LIMIT = 1_048_576
"""Bytes of JSON that the input of a run may have."""


TRIES: Final = 5
GRACE_SECONDS: Final = 25.0
FIRST_WAIT: Final = 1.0
"""Seconds before a turn that broke is tried a second time; after that twice as many each time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a runtime works. Times in seconds; `history` is how long at least what rules count is kept.

    `resumes` are versions of the app whose runs are gone on with besides its own. A run is tried `tries` times before
    it is left to a person; `grace` is how long a worker that is told to end lets its turns go on. `told_a_minute`:
    after so many messages within a minute about one agent people are told how many more there are; 0: never.
    `transcripts`: what is said in runs is kept for whoever reads their threads.
    """

    app: str = ""
    app_version: str = ""
    resumes: tuple[str, ...] = ()
    tries: int = TRIES
    grace: float = GRACE_SECONDS
    lease_seconds: float = 30.0
    tenant: str = "default"
    history: timedelta = KEPT
    told_a_minute: int = TOLD_A_MINUTE
    transcripts: bool = False


class Opened:
    """One app under one backend with one store."""

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
        self.others_at_work = False
        self._announcer = Announcer(channels, clock=around.clock, most=settings.told_a_minute)
        self._around = replace(around, announce=self._announcer.announce, recalls=self._announcer.recalls)
        self._pruning = Pruning(self._around, settings.history)
        self._background = Background()
        self._attaching = asyncio.Lock()
        self._listeners: Listeners = []
        self._beside: list[Callable[[], None]] = []
        self._attached: tuple[Finding, ...] | None = None
        self._holding = Holding(self._around.store, self._around.clock, settings.lease_seconds)
        driving = (self._holding, self._build, self._emit, self._watched, self.attach, settings.transcripts)
        self._driver = Driver(adapter, self._around, *driving)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let turns and channels finish, then close the adapter and the store; these also if it is broken off."""
        async with AsyncExitStack() as last:  # what is put on it first is done last
            last.push_async_callback(self.store.close)
            last.push_async_callback(self.adapter.close)
            last.push_async_callback(self._announcer.close)
            last.callback(self._holding.close)
            for end in self._beside:
                end()
            await self._background.close()

    def before_close(self, end: Callable[[], None]) -> None:
        """Have `end` called when this closes. For servers, which do something beside it for as long as it is open."""
        self._beside.append(end)

    @property
    def store(self) -> Store:
        return self._around.store

    @property
    def clock(self) -> Clock:
        return self._around.clock

    @property
    def directory(self) -> Directory | None:
        """Where people are looked up; None where they are who they say they are."""
        return self._around.directory

    async def attach(self) -> tuple[Finding, ...]:
        """Build the app (once) and return what was found in it. Raises AppRefused if it cannot be overseen."""
        async with self._attaching:
            if self._attached is None:
                self._attached = await self.adapter.attach()
            return self._attached

    async def run(self, run_id: str) -> Run:
        """One run with its pending requests. Raises RunNotFound."""
        return await self.store.fetch(GetRun(run_id))

    @property
    def catalogue(self) -> Catalogue:
        """What is known here of the tools of the app."""
        return self._around.catalogue

    # ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def tick(self) -> int:
        """Fire what is due, ask again who is to be reminded, and free the runs of processes that died here.

        A change of the policy's file is written down, also where nobody asks for a decision. Returns how many requests
        that was about.
        """
        await self._around.in_force()
        fired = await self.store.apply(FireTimers(self._around.now(), untold=self._around.untold()))
        for settled in fired:
            if settled.state is RequestState.OPEN:
                self._around.announce(settled.request)
        self._announcer.sweep()
        self.others_at_work = await release_dead(self.store, self._around.now(), besides=self.owner)
        await self._pruning.step()
        return len(fired)

    async def claim(
        self, *, limit: int, run_id: str | None = None, after: str | None = None, alone: bool = True
    ) -> tuple[Claimed, ...]:
        """Take runs to work on; `drive` each of them. For workers: `after` is the run that this one has taken last,
        and it is `alone` if it works on nothing now.

        Without the framework, undos are all that can be worked on: raises AdapterNotInstalled where no undo is
        configured either.
        """
        home = await self.at_home()
        loads, lease, now = self.loads(home=home), self.settings.lease_seconds, self._around.now()
        return await self.store.apply(
            ClaimRuns(
                self.owner,
                lease,
                now,
                limit,
                run_id,
                (loads.backend,),
                (loads.app,),
                only_undos=not home,
                versions=loads.versions,
                formats=loads.readable,
                after=after,
                tries=self.settings.tries,
                alone=alone,
            )
        )

    def loads(self, *, home: bool = True) -> Loads:
        """What can be worked on here: the app in its versions, and what the adapter reads, where it is `home`."""
        formats = formats_of(self.adapter) if home else ()
        return Loads(self.adapter.name, self.settings.app, self.settings.app_version, self.settings.resumes, formats)

    def _build(self) -> Build:
        return Build(self.settings.app_version, (*formats_of(self.adapter), "")[0])

    async def at_home(self) -> bool:
        """Whether the app can be worked on here. Raises AdapterNotInstalled unless undos are configured."""
        try:
            await self.attach()
        except (AdapterNotInstalled, AdapterTooOld):
            if not self._around.catalogue.undoes:
                raise
            return False
        return True

    async def drive(self, claimed: Claimed, *, again: bool = False) -> Run:
        """Work on a claimed run until it pauses or ends. Raises LeaseLost.

        With `again`, one that breaks before anything ran is tried again later, as often as is configured.
        """
        return await self._driver.drive(claimed, again=Again(self.settings.tries, FIRST_WAIT) if again else None)

    def holds(self, run_id: str) -> Lease | None:
        """The lease of a turn that is under way here."""
        return self._holding.of(run_id)

    async def going_on(self, work: Coroutine[Any, Any, R], *, within: float) -> R:
        """What comes of `work` here, if it is done in time. For servers, whose callers do not wait for ever.

        Raises TimeoutError after `within` seconds; the work itself goes on, and `close` waits for it.
        """
        async with asyncio.timeout(within):
            return await self._background.result(work)

    async def _open(
        self,
        input: object,
        *,
        by: str | None,
        thread: str | None,
        id: str | None = None,
        tools: Sequence[ClientTool] = (),
        words: tuple[Words, ...] = (),
    ) -> Claimed:
        canonical(input, what="input", limit=INPUT_LIMIT)
        await self.attach()
        if tools:
            require_client_tools(self.adapter, self.catalogue, tuple(tools))
        by = await on_behalf_of(self._around, by)
        return await self._opened(input, by=by, thread=thread, id=id, tools=tuple(tools), words=words)

    def _listen(self, claimed: Claimed, *, ask_again: bool = False) -> AsyncGenerator[LiveEvent, None]:
        """The live events of a turn on a run that was claimed."""
        return listen(self._listeners, claimed.run.id, self._driver.drive(claimed, ask_again=ask_again))

    async def _opened(
        self,
        input: object,
        *,
        by: str | None,
        thread: str | None = None,
        undoes: str | None = None,
        id: str | None = None,
        tools: tuple[ClientTool, ...] = (),
        words: tuple[Words, ...] = (),
    ) -> Claimed:
        now = self._around.now()
        run_id = id or new_id(now)
        run = Run(
            id=run_id,
            state=RunState.RUNNING,
            backend=self.adapter.name,
            app=self.settings.app,
            app_version=self.settings.app_version,
            thread=thread or run_id,
            tenant=self.settings.tenant,
            undoes=undoes,
            started_by=by,
            input=cast("Json", input),
            tools=tools,
            created_at=now,
            updated_at=now,
        )
        kept = self.settings.transcripts
        said = asked(run, words) if kept and words else ()
        claimed = await self.store.apply(OpenRun(run, self.owner, self.settings.lease_seconds, now, said))
        if kept and not words:
            await keep(self.store, run_id, partial(asked, claimed.run))
        return claimed

    def _require_ours(self, run: Run) -> None:
        """Raises RunBusy if this process does not have the run's app, or not in its version."""
        loads = self.loads(home=False)
        kind = {"backend": run.backend, "app": run.app, "version": run.app_version, "format": run.checkpoint_format}
        if loads.takes(**kind):
            return
        wanted = f"{run.app!r} under {run.backend!r}" + (f", version {run.app_version!r}" if run.app_version else "")
        here = f"{loads.app!r} under {loads.backend!r}" + (f", version {loads.version!r}" if loads.version else "")
        raise RunBusy(f"run {run.id} waits for a worker that has {wanted}; this process has {here}")

    async def _take_up(self, run_id: str) -> Claimed | None:
        """Claim a run if there is something to do in it now. Raises RunNotFound, RunBusy, Stopped."""
        await self.tick()
        run = await self.run(run_id)
        if not (run.state.at_work or run.state is RunState.FAILED):
            return None
        self._require_ours(run)
        if run.undoes is None:
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
        for stop in await self.store.fetch(ListStops()):
            if stop.scope is StopScope.ALL or (stop.scope, stop.target) in whole:
                return Stopped(f"run {run.id} does not go on: {stop.by} stopped it ({stop.reason}); lift that first")
        formats = formats_of(self.adapter)
        if formats and run.checkpoint_format not in ("", *formats):
            said = f"its checkpoint has the form {run.checkpoint_format!r}, read here is {', '.join(formats)}"
            return RunBusy(f"run {run.id} waits for a worker with another release of {run.backend!r}: {said}")
        return RunBusy(f"run {run.id} is being worked on by another process; wait for it, or for its lease to end")

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
            if run.undoes is not None:
                return
            self._require_ours(run)
            await self.attach()
            await self.adapter.cancel(run, await self.store.fetch(GetCheckpoint(run_id)))
        except Exception as exc:  # it is cancelled and recorded: nothing that fails from here on may say otherwise
            log.warning("run %s is cancelled, its framework was not told: %s", run_id, exc, exc_info=_unforeseen(exc))

    # ── live events ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _emit(self, event: LiveEvent) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def _watched(self) -> bool:
        return bool(self._listeners)


def _unforeseen(exc: Exception) -> Exception | None:
    """The traceback is for what is not an error of ours: those say all there is."""
    return None if isinstance(exc, HitlError) else exc
