"""The runtime: what applications hold. Start runs, show and answer their requests, resume, cancel, stop, undo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress

from ..audit import Account, account
from ..capabilities import Capability
from ..commands import Effect, ListEffects, ListRuns, ListWorkers, Page, ReadLoad, ReadPace, Workload
from ..contracts import require
from ..errors import RunBusy
from ..protocol import ClientTool, LiveEvent, Responder, Run, RunState, Said
from .batches import Batches
from .control import Control
from .policies import Policies
from .record import record_of
from .transcripts import transcript


class Runtime(Batches, Control, Policies):
    """One app under one backend with one store. Use as an async context manager, or call `close`."""

    async def start(
        self, input: object, *, by: str | None = None, thread: str | None = None, tools: Sequence[ClientTool] = ()
    ) -> Run:
        """Start a run and work on it until it pauses or ends.

        `by` is the person on whose behalf it runs (who may then not approve its actions). `thread` is the
        framework's conversation, by default one of its own. `tools` are given to the agent of this run: a call of one
        is a request, and the answer is its result. Raises AppRefused, NotCanonical, TooLarge, Stopped; with `tools`
        ToolsRefused, and CapabilityNotSupported where the backend has no room for them.
        """
        claimed = await self._open(input, by=by, thread=thread, tools=tools)
        return await self._driver.drive(claimed)

    async def start_as(
        self,
        run_id: str,
        input: object,
        *,
        within: float,
        by: str | None = None,
        thread: str | None = None,
        tools: Sequence[ClientTool] = (),
    ) -> Run:
        """As `start`, under an id that was made before (`new_id`), so that whoever may ask twice starts one run.

        For servers. After `within` seconds the run as it stands: its turn goes on, and `close` waits for it. Of two
        with the same id one is started, and the other raises RunBusy.
        """
        claimed = await self._open(input, by=by, thread=thread, id=run_id, tools=tools)
        try:
            return await self.going_on(self._driver.drive(claimed), within=within)
        except TimeoutError:
            return await self.run(run_id)

    async def stream(
        self, input: object, *, by: str | None = None, thread: str | None = None, tools: Sequence[ClientTool] = ()
    ) -> AsyncIterator[LiveEvent]:
        """Start a run and yield its live events until it pauses or ends.

        Raises CapabilityNotSupported where the framework has nothing to tell meanwhile, else what `start` raises.
        """
        require(self.adapter, Capability.STREAM_EVENTS)
        claimed = await self._open(input, by=by, thread=thread, tools=tools)
        async with aclosing(self._listen(claimed)) as events:
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
        async with aclosing(self._listen(claimed, ask_again=ask_again)) as events:
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
                if not (run.state.at_work or (through_pauses and run.state is RunState.PAUSED)):
                    return run
                await self.store.changed(timeout=1.0)

    async def runs(
        self,
        *,
        states: tuple[RunState, ...] = (),
        limit: int = 50,
        cursor: str | None = None,
        thread: str | None = None,
    ) -> Page[Run]:
        """Runs, newest first; with `thread`, those of one conversation."""
        return await self.store.fetch(ListRuns(states, limit, cursor, thread=thread))

    async def transcript(
        self, thread: str, *, by: str | Responder | None = None, limit: int = 200, cursor: str | None = None
    ) -> Page[Said]:
        """What was said in a thread, oldest first, where transcripts are kept; else nothing.

        Of the runs of this tenant; with `by` and a directory, of that person's. Raises NotPermitted for whom the
        directory does not know.
        """
        home = self.settings.tenant
        return await transcript(self._around, thread, by, home=home, limit=limit, cursor=cursor)

    async def effects(self, run_id: str) -> tuple[Effect, ...]:
        """What the run's actions came to, in the order they were first seen."""
        return await self.store.fetch(ListEffects(run_id))

    async def account(self, run_id: str) -> Account:
        """The account of a run for an auditor: what was asked, decided and done, why, and what it cannot know.

        Raises RunNotFound.
        """
        return account(await record_of(self.store, run_id))

    async def workload(self, *, seconds: float = 60.0) -> Workload:
        """What waits for people and for workers, who works, and how fast it went in the last `seconds`."""
        now = self.clock.now()
        load, pace = await self.store.fetch(ReadLoad()), await self.store.fetch(ReadPace(now, seconds))
        return Workload(now, load, pace, await self.store.fetch(ListWorkers()))

    async def _step(self, run_id: str) -> Run:
        """One look at a run: work on it if it is ready, else see what else can be done for it."""
        for claimed in await self.claim(limit=1, run_id=run_id):
            return await self._driver.drive(claimed)
        with suppress(RunBusy):
            run = await self.run(run_id)
            if run.state.at_work:
                return await self.resume(run_id)
            if run.state is RunState.PAUSED and await self.tick():
                return await self._step(run_id)
        return await self.run(run_id)
