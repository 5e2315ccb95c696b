"""The methods of the runtime, over HTTP. Runs are worked on where the server is; here they are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn, Self, TypeVar

import httpx

from ..audit import Account
from ..clock import SystemClock
from ..commands import Effect, ErasedPerson, Override, Page, Stop, StopScope, Workload
from ..contracts import Clock, Finding
from ..errors import (
    NotPermitted,
    RunBusy,
    RunNotFound,
)
from ..policy import Backtested, Explanation, Policy
from ..protocol import (
    ClientTool,
    Guidance,
    Json,
    LiveEvent,
    Responder,
    Run,
    RunState,
    Said,
    Undoing,
)
from ..runtime import InForce, Reach
from ..wire import Me, bodies, forms
from .calling import Calling
from .places import act, made, name_of, run_place, start, text_of, thread_place
from .reading import MOST, WHOLE_TRAIL, RemoteStore
from .requests import RemoteRequests
from .server import Server

T = TypeVar("T")


class _Elsewhere:
    """What a runtime has that is the server's own: asking for it raises ConfigError, which says where it is."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, runtime: RemoteRuntime, owner: type) -> NoReturn:
        raise runtime.store.elsewhere(f"`{self._name}` of the runtime")


WAIT: Final = bodies.LONGEST_WAIT


class RemoteRuntime(RemoteRequests):
    """A runtime that is elsewhere. Use as an async context manager, or call `close`.

    Who acts is whom the token is of: `by` may name nobody else. What concerns a worker, and the store itself, is not
    to be had from here.
    """

    def __init__(
        self, server: Server, *, clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self._calling = Calling(server, self.clock, transport)

    @classmethod
    def of(cls, url: str, options: Mapping[str, str], folder: Path, clock: Clock | None = None) -> Self:
        """As it is configured: the URL, and what else [store] says. Raises ConfigError with every fault."""
        return cls(Server.of(url, options, folder), clock=clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections. What the server works on goes on."""
        await self._calling.close()

    @property
    def store(self) -> RemoteStore:
        """What the API tells of the store; the rest is refused, because it is the server's."""
        return RemoteStore(self._calling)

    async def me(self) -> Me:
        """Whom the token is of, and what it is good for."""
        return await self._calling.get("/api/me", forms.ME)

    adapter, directory, catalogue = _Elsewhere(), _Elsewhere(), _Elsewhere()
    at_home, loads, holds, claim, drive = _Elsewhere(), _Elsewhere(), _Elsewhere(), _Elsewhere(), _Elsewhere()
    start_as, going_on, before_close = _Elsewhere(), _Elsewhere(), _Elsewhere()

    # ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(
        self, input: object, *, by: str | None = None, thread: str | None = None, tools: Sequence[ClientTool] = ()
    ) -> Run:
        """Start a run and wait until it pauses or ends. It runs for whom the token is of."""
        body = start(input, by, thread, tools)
        run = await self._calling.post("/api/runs", forms.RUN, body, {"wait": WAIT}, wait=WAIT, once=True)
        return await self._at_rest(run)

    async def stream(
        self, input: object, *, by: str | None = None, thread: str | None = None, tools: Sequence[ClientTool] = ()
    ) -> AsyncIterator[LiveEvent]:
        """Start a run and yield its live events until it pauses or ends."""
        async with self._calling.listening("/api/runs/stream", start(input, by, thread, tools)) as events:
            async for event in events:
                yield event

    async def resume(self, run_id: str, *, ask_again: bool = False) -> Run:
        """Have a run worked on now if there is something to do, and wait until it pauses or ends."""
        return await self._at_rest(await self._resume(run_id, ask_again=ask_again))

    async def _resume(self, run_id: str, *, ask_again: bool = False) -> Run:
        body = made(bodies.Resume, ask_again=ask_again)
        return await self._calling.post(
            run_place(run_id, "/resume"), forms.RUN, body, {"wait": WAIT}, wait=WAIT, harmless=not ask_again
        )

    async def stream_resume(self, run_id: str, *, ask_again: bool = False) -> AsyncIterator[LiveEvent]:
        """Like `resume`, yielding the live events as `stream` does. Nothing is yielded if there is nothing to do."""
        async with self._calling.listening(
            run_place(run_id, "/stream"), made(bodies.Resume, ask_again=ask_again)
        ) as events:
            async for event in events:
                yield event

    async def wait(self, run_id: str, *, timeout: float | None = None, through_pauses: bool = False) -> Run:
        """Wait for a run's next pause or its end, and have it worked on if nobody does.

        With `through_pauses`, go on waiting while people decide. Raises TimeoutError after `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            run = await self.run(run_id)
            while run.state.at_work or (through_pauses and run.state is RunState.PAUSED):
                run = await self._step(run, through_pauses=through_pauses)
            return run

    async def _step(self, run: Run, *, through_pauses: bool) -> Run:
        """Have a ready run worked on, if that is for this caller to ask for; else see what becomes of it."""
        if run.state is RunState.READY:
            try:
                return await self._resume(run.id)
            except (RunBusy, NotPermitted):
                pass  # somebody works on it, or will
        return await self._watched(run.id, through_pauses=through_pauses)

    async def _at_rest(self, run: Run) -> Run:
        while run.state is RunState.RUNNING:
            run = await self._watched(run.id)
        return run

    async def _watched(self, run_id: str, *, through_pauses: bool = False) -> Run:
        query = {"wait": WAIT, "through_pauses": through_pauses}
        return await self._calling.get(run_place(run_id), forms.RUN, query, wait=WAIT)

    async def runs(
        self,
        *,
        states: tuple[RunState, ...] = (),
        limit: int = 50,
        cursor: str | None = None,
        thread: str | None = None,
    ) -> Page[Run]:
        """Runs, newest first; with `thread`, those of one conversation."""
        query = {"state": states, "limit": min(limit, MOST), "cursor": cursor, "thread": thread}
        return await self._calling.get("/api/runs", forms.RUNS, query)

    async def transcript(
        self, thread: str, *, by: str | Responder | None = None, limit: int = 200, cursor: str | None = None
    ) -> Page[Said]:
        """What was said in a thread, oldest first, where transcripts are kept; of what whom the token is of may see."""
        query = {"limit": min(limit, MOST), "cursor": cursor, "by": name_of(by)}
        return await self._calling.get(thread_place(thread), forms.TRANSCRIPT, query)

    async def run(self, run_id: str) -> Run:
        """One run with its pending requests. Raises RunNotFound."""
        return await self._calling.get(run_place(run_id), forms.RUN)

    async def effects(self, run_id: str) -> tuple[Effect, ...]:
        """What the run's actions came to, in the order they were first seen."""
        return await self._of_a_run(run_id, "/effects", forms.EFFECTS)

    async def account(self, run_id: str) -> Account:
        """The account of a run for an auditor: what was asked, decided and done, why, and what it cannot know."""
        return await self._calling.get(run_place(run_id, "/account"), forms.ACCOUNT, wait=WHOLE_TRAIL)

    async def workload(self, *, seconds: float = 60.0) -> Workload:
        """What waits for people and for workers there, who works, and how fast it went in the last `seconds`."""
        return await self._calling.get("/api/workload", forms.WORKLOAD, {"seconds": seconds})

    async def attach(self) -> tuple[Finding, ...]:
        """What was found in the app where it runs."""
        return await self._calling.get("/api/app", forms.FINDINGS)

    async def tick(self) -> int:
        """Have what is due fired."""
        return (await self._calling.post("/api/tick", forms.COUNT, harmless=True)).count

    # ── what people do to runs ───────────────────────────────────────────────────────────────────────────────────────

    async def cancel(self, run_id: str, *, by: str | Responder, reason: str = "") -> Run:
        """End a run that is not over; what waits in it never runs. Raises RunNotFound, RunFinished, NotPermitted."""
        return await self._calling.post(run_place(run_id, "/cancel"), forms.RUN, act(by, reason))

    async def rewind(self, run_id: str, *, by: str | Responder, reason: str = "") -> Run:
        """Take the run back to its last pause and ask again. What its tools did stays done; that is for `undo`."""
        body, place = act(by, reason), run_place(run_id, "/rewind")
        return await self._at_rest(
            await self._calling.post(place, forms.RUN, body, {"wait": WAIT}, wait=WAIT, once=True)
        )

    async def undo(self, run_id: str, call: str | None = None, *, by: str | Responder, reason: str = "") -> Undoing:
        """Take back what the tools of a run have done, or one call of it: in a run of its own, the newest first."""
        body = made(bodies.Undo, call=call, by=name_of(by), reason=reason)
        place = run_place(run_id, "/undo")
        undoing = await self._calling.post(place, forms.UNDOING, body, {"wait": WAIT}, wait=WAIT, once=True)
        if undoing.run.state is not RunState.RUNNING:
            return undoing
        await self._at_rest(undoing.run)
        return await self.undone(undoing.run.id)

    async def undone(self, run_id: str) -> Undoing:
        """How an undo stands, by its own run: each action, and what became of it. Raises RunNotFound, NothingToUndo."""
        return await self._calling.get(run_place(run_id, "/undone"), forms.UNDOING)

    async def undos(self, run_id: str) -> tuple[Undoing, ...]:
        """The undos of a run, oldest first, and how each stands."""
        return await self._of_a_run(run_id, "/undos", forms.UNDOINGS)

    async def override(
        self, run_id: str, value: Json, call: str | None = None, *, by: str | Responder, reason: str = ""
    ) -> Override:
        """Replace the output of a completed run; or the result of a call, before it is used further."""
        body = made(bodies.Overriding, value=value, call=call, by=name_of(by), reason=reason)
        return await self._calling.post(run_place(run_id, "/override"), forms.OVERRIDE, body, once=True)

    async def overrides(self, run_id: str) -> tuple[Override, ...]:
        """What people have put in the place of a run's output and results, oldest first, and what it was."""
        return await self._of_a_run(run_id, "/overrides", forms.OVERRIDES)

    async def steer(self, run_id: str, text: str, *, by: str | Responder) -> Guidance:
        """Say something to the agent: it enters the conversation at the next safe point, and permits nothing."""
        body = made(bodies.Steer, text=text, by=name_of(by))
        return await self._calling.post(run_place(run_id, "/steer"), forms.GUIDANCE, body, once=True)

    async def guidance(self, run_id: str) -> tuple[Guidance, ...]:
        """The guidance that a run was given, oldest first, and what became of each."""
        return await self._of_a_run(run_id, "/guidance", forms.GUIDANCES)

    async def erase(self, run_id: str, *, by: str | Responder, reason: str) -> Run:
        """Erase what a run that is over has said: payloads, free texts, names. The audit trail stays and verifies."""
        return await self._calling.post(
            run_place(run_id, "/erase"), forms.RUN, made(bodies.Erase, by=name_of(by), reason=reason)
        )

    async def retain(self, *, older_than: timedelta, by: str | Responder, reason: str = "retention") -> int:
        """Erase all runs that are over for longer than this; returns how many."""
        body = made(bodies.Retaining, older_than_seconds=older_than.total_seconds(), by=name_of(by), reason=reason)
        return (await self._calling.post("/api/retention", forms.COUNT, body)).count

    async def erase_person(self, person: str, *, by: str | Responder, reason: str) -> ErasedPerson:
        """Put one pseudonym in the place of a person, in all records and in the trail; what they said is gone."""
        body = made(bodies.ErasingPerson, person=person, by=name_of(by), reason=reason)
        return await self._calling.post("/api/people/erasure", forms.ERASED, body)

    # ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, scope: StopScope, target: str = "", *, by: str | Responder, reason: str) -> int:
        """Put a stop in force: nothing that it covers starts any more. Returns how many requests it froze."""
        return await self._stopping("/api/stops", scope, target, by, reason)

    async def lift(self, scope: StopScope, target: str = "", *, by: str | Responder, reason: str) -> int:
        """Lift a stop: a separate, recorded act. Returns how many requests are open again. Raises NotPermitted."""
        return await self._stopping("/api/stops/lift", scope, target, by, reason)

    async def _stopping(self, place: str, scope: StopScope, target: str, by: str | Responder, reason: str) -> int:
        """A stop that is sent twice is in force once, and must not fail for a connection that broke."""
        body = made(bodies.Stopping, scope=scope, target=target, by=name_of(by), reason=reason)
        return (await self._calling.post(place, forms.COUNT, body, harmless=True)).count

    async def stops(self) -> tuple[Stop, ...]:
        """The stops in force."""
        return await self._calling.get("/api/stops", forms.STOPS)

    async def reach(self, scope: StopScope) -> tuple[Reach, ...]:
        """What a stop reaches there and when."""
        return await self._calling.get("/api/stops/reach", forms.REACH, {"scope": scope})

    # ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def policy(self) -> InForce:
        """The policy in force, as it stands in its file now."""
        return await self._calling.get("/api/policy", forms.POLICY)

    async def explain(self, asked: Mapping[str, Json], *, policy: Policy | None = None) -> Explanation:
        """What the policy says about an action, why, and the nearest single value that would alter the level."""
        body = made(bodies.Explaining, asked=dict(asked), policy=None if policy is None else text_of(policy))
        return await self._calling.post("/api/policy/explain", forms.EXPLANATION, body, harmless=True)

    async def backtest(self, policy: Policy, *, since: datetime | None = None) -> Backtested:
        """What would have come of the recorded actions of this tenant under another policy, and whose fate changes."""
        body = made(bodies.Backtesting, policy=text_of(policy), since=since)
        return await self._calling.post("/api/policy/backtest", forms.BACKTESTED, body, wait=600, harmless=True)

    async def _of_a_run(self, run_id: str, part: str, form: forms.Form[tuple[T, ...]]) -> tuple[T, ...]:
        """What is known of a run; nothing of one that there is not, as with a runtime that is here."""
        try:
            return await self._calling.get(run_place(run_id, part), form)
        except RunNotFound:
            return ()
