"""Processes of an app that pays once, in each of the three modes of an effect. Each takes only JSON, and may be killed.

starts: the agent's process · responds: people · works: a worker. `crash` is `before COMMAND n`, `after COMMAND n`,
`before the tool`, `after the tool`, or `before the bell`: after a commit, before anybody is told of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from hitl_adapters.plain import Refused, gate
from hitl_core import clock as clocks
from hitl_core.commands import ClaimRuns, StopScope
from hitl_core.contracts import Store
from hitl_core.errors import HitlError, ResponseRefused
from hitl_core.gate import HAPPENED, NOT_HAPPENED
from hitl_core.protocol import PauseRequest, RunState
from hitl_core.runtime import Runtime, Worker, leases, worker
from hitl_core.stores.postgres.server import Bell, bell
from hitl_core.stores.postgres.server import connection as pg_connection
from hitl_core.stores.sql.waking import Doorbell, changes
from hitl_core.stores.sqlite.file.lock import FileLock
from hitl_core.testing.crashing import CrashingStore, CrashPoint, die
from hitl_core.testing.processes import named
from hitl_core.tools import current_call
from tests.core.shop import App
from tests.faults.desk import Desk
from tests.faults.diary import ACKNOWLEDGED, Diary
from tests.faults.meeting import Party
from tests.faults.places import Place
from tests.faults.receiver import Receiver

MODES = ("ledger", "idempotent", "transactional")
UNDER_WAY = (RunState.PAUSED, RunState.READY, RunState.RUNNING)
LOOKS_EVERY = 0.1
LONG_LEASE = 30.0


def paying(place: Place, mode: str, at: Callable[[str], None]) -> App:
    """An app whose only effect is of that mode."""
    receiver = Receiver(place)

    def pay(order: str, amount: float, transaction: Any = None) -> str:
        at("before the tool")
        receiver.take(mode, current_call().key, order, amount, transaction)
        at("after the tool")
        return f"paid {amount}"

    @gate.guard(idempotent=mode == "idempotent")
    def refund(order: str, amount: float) -> str:
        return pay(order, amount)

    @gate.guard(transactional=True)
    def refund_in_store(order: str, amount: float, transaction: Any) -> str:
        return pay(order, amount, transaction)

    chosen: Any = refund_in_store if mode == "transactional" else refund

    def app(input: Any) -> Any:
        try:
            return chosen(**input)
        except Refused as exc:
            return str(exc)

    return app


@asynccontextmanager
async def opened(
    place: Place,
    mode: str,
    crash: str = "",
    *,
    act: Callable[[], None] = die,
    lease: float = LONG_LEASE,
    wrap: Callable[[Store], Any] = lambda store: store,
) -> AsyncIterator[Runtime]:
    """A runtime of this process, which dies at `crash`, or does something else there."""
    when, command, *nth = crash.split() if crash else ("", "")
    point = CrashPoint(command, when, int(nth[0])) if nth and nth[0].isdigit() else None  # type: ignore[arg-type]
    if crash == "before the bell":
        ringing: Any = Bell if place.on_postgres else Doorbell
        ringing.ring = lambda *_: die()

    todo = {crash}

    def at(place: str) -> None:
        if place in todo:
            todo.remove(place)
            act()

    desk = Desk(place)
    made = paying(place, mode, at)
    async with desk.open(made, lease_seconds=lease, wrap=lambda store: Dying(wrap(store), point, crash=act)) as hitl:
        yield hitl


class Dying(CrashingStore):
    """Acts once at its place: whoever is not dead after that goes on as if nothing had been."""

    def _die(self) -> None:
        self._at = None
        self._crash()


# ── what the processes do ────────────────────────────────────────────────────────────────────────────────────


async def starts(place: list[str], mode: str, runs: int = 1, crash: str = "") -> list[str]:
    async with opened(Place.of(place), mode, crash) as hitl:
        return [(await hitl.start({"order": f"A-{n}", "amount": 120.5})).id for n in range(runs)]


async def responds(place: list[str], mode: str, who: str = "ann", key: str | None = None, crash: str = "") -> list[str]:
    """Approve all that is open; what is in doubt, as the receiver says. What this client was told, one word each."""
    at, told = Place.of(place), list[str]()
    async with opened(at, mode, crash) as hitl:
        for settled in (await hitl.inbox(limit=1000)).items:
            told.append(await _said(hitl, at, settled.request, who, key))
    return told


async def _said(hitl: Runtime, place: Place, request: PauseRequest, who: str, key: str | None) -> str:
    if request.in_doubt:
        happened = f"{request.run_id}:{request.call}" in {line["key"] for line in Receiver(place).taken}
        response = request.choose((HAPPENED if happened else NOT_HAPPENED).id, by=who)
    else:
        response = request.approve(by=who)
    try:
        recorded = await hitl.respond(response.model_copy(update={"idempotency_key": key}))
    except ResponseRefused as exc:
        return type(exc).__name__
    got = "same" if recorded.replayed else "won"
    said = {"request": request.id, "by": who, "decision": response.decision.type, "got": got}
    await asyncio.to_thread(Diary(place.folder / ACKNOWLEDGED).write, **said)
    return got


async def again(place: list[str], mode: str, request: str, who: str, key: str, crash: str = "") -> str:
    """The client's answer to one request, with the key that it has given it; killed, and tried once more."""
    at = Place.of(place)
    async with opened(at, mode, crash) as hitl:
        settled = await hitl.request(request)
        return await _said(hitl, at, settled.request, who, key)


async def works(
    place: list[str], mode: str, crash: str = "", lease: float = LONG_LEASE, elsewhere: bool = False
) -> int:
    """A worker until there is nothing left to do; its turns. `elsewhere`: on another machine, as far as it can tell."""
    if elsewhere:
        leases._host = lambda: "elsewhere"
    async with opened(Place.of(place), mode, crash, lease=lease) as hitl:
        working, turns = Worker(hitl), 0
        while (await hitl.runs(states=UNDER_WAY[1:], limit=1)).items:
            turns += await working.run_until_idle()
            await hitl.store.changed(timeout=LOOKS_EVERY)
        return turns


async def tries_again(place: list[str], mode: str) -> list[str]:
    """A person who has seen to the cause tries the runs again that were given up, as too many workers died of them."""
    async with opened(Place.of(place), mode) as hitl:
        given_up = (await hitl.runs(states=(RunState.FAILED,), limit=1000)).items
        for run in given_up:
            assert "its turn did not end" in run.error, run.error
            await hitl.resume(run.id)
        return [run.id for run in given_up]


async def looks_for_work(place: list[str], mode: str, later: float) -> int:
    """A worker on another machine that looks once, so many seconds from now; its turns."""
    leases._host = lambda: "elsewhere"
    async with opened(Place.of(place), mode) as hitl:
        clock = hitl.clock
        assert isinstance(clock, clocks.SystemClock)
        clock.follow(clock.now() + timedelta(seconds=later), asked=clocks.steady())
        return await Worker(hitl).run_until_idle()


class Resting:
    """A store whose worker says when it has gone to rest."""

    def __init__(self, inner: Store, rests: Callable[[], None]) -> None:
        self._inner = inner
        self._rests: Callable[[], None] | None = rests
        self.apply, self.fetch, self.close = inner.apply, inner.fetch, inner.close

    async def changed(self, *, timeout: float) -> None:
        rests, self._rests = self._rests, None
        if rests is not None:
            await self._inner.changed(timeout=0)  # from here on nothing is missed
            await asyncio.to_thread(rests)
        await self._inner.changed(timeout=timeout)


async def waits_for_work(place: list[str], mode: str, meeting: str, run: str, scan: float) -> float:
    """A worker that looks every `scan` seconds by itself, as its store does; until the run is over; when that was."""
    for room, name in ((worker, "SCAN_SECONDS"), (worker, "IDLE_SECONDS"), (changes, "SLOW"), (bell, "SLOW")):
        setattr(room, name, scan)
    with Party(meeting) as meet:
        async with opened(Place.of(place), mode, wrap=lambda store: Resting(store, meet)) as hitl:
            working = Worker(hitl)
            done = asyncio.ensure_future(working.run())
            while (await hitl.run(run)).state in UNDER_WAY:
                await asyncio.wait({done}, timeout=LOOKS_EVERY)  # what this one hears, the worker might not hear
            ended = time.monotonic()
            working.stop()
            await done
    return ended


async def answers_while_they_wait(place: list[str], mode: str, meeting: str, crash: str) -> None:
    """Somebody who answers when the worker has gone to rest, and dies of it."""
    at = Place.of(place)
    with Party(meeting) as meet:
        meet()
    Diary(at.folder / "moments.jsonl").write(answered=time.monotonic())
    await responds(place, mode, crash=crash)


# ── frozen ───────────────────────────────────────────────────────────────────────────────────────────────────

PID = "frozen.pid"


def freeze() -> None:
    """Stand still until another process says otherwise: at once. A signal to the process would first have to reach its
    main thread, and this one, which writes in a transaction, might commit meanwhile."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


async def freezes(place: list[str], mode: str, crash: str, lease: float) -> str:
    """A worker that stands still at `crash`; what came of its turn when it was let go on."""
    at = Place.of(place)
    await asyncio.to_thread((at.folder / PID).write_text, str(os.getpid()))
    pg_connection.IDLE_MS = 1000  # type: ignore[misc]  # so that the test need not wait for as long as others do
    async with opened(at, mode, crash, act=freeze, lease=lease) as hitl:
        (claimed,) = await hitl.claim(limit=1)
        try:
            return (await hitl.drive(claimed)).state.value
        except HitlError as exc:
            return type(exc).__name__


async def while_frozen(place: list[str], mode: str, does: str, **how: Any) -> Any:
    """Wait until the other process stands still, do something, and let it go on."""
    at = Place.of(place)
    with thawed(await frozen(at)):
        return await named(does)(place, mode, **how)


async def frozen(place: Place) -> int:
    """The process that stands still, as soon as it does. It may hold the store, so nothing is asked of that."""
    pid, never = place.folder / PID, asyncio.Event()
    while not (pid.exists() and _stands_still(pid.read_text())):
        with suppress(TimeoutError):
            await asyncio.wait_for(never.wait(), LOOKS_EVERY)
    return int(pid.read_text())


async def holds(place: list[str], mode: str) -> str:
    """Take the run over when its worker stands still, let that one go on to its end, and go on with it then."""
    leases._host = lambda: "elsewhere"
    at = Place.of(place)
    pid = await frozen(at)
    async with opened(at, mode) as hitl:
        with thawed(pid):
            while not (claimed := await hitl.claim(limit=1)):
                await hitl.store.changed(timeout=LOOKS_EVERY)
        while await asyncio.to_thread(Path(f"/proc/{pid}").exists):
            await hitl.store.changed(timeout=LOOKS_EVERY)
        return (await hitl.drive(claimed[0])).state.value


def _stands_still(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return bool(pid) and stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "T"


@contextmanager
def thawed(pid: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def stops(place: list[str], mode: str) -> str:
    """Stop everything; what came of it. On a file, wait less long than is usual for whoever writes."""
    impatient: Any = FileLock.__init__
    impatient.__kwdefaults__ = {"patience": 1.0}
    try:
        async with opened(Place.of(place), mode) as hitl:
            await hitl.stop(StopScope.ALL, by="boss", reason="too fast")
    except HitlError as exc:
        return f"{type(exc).__name__}: {exc}"
    return "in force"


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────


async def jumps(place: list[str], mode: str, by: float, from_the_start: bool, run: str, request: str) -> dict[str, Any]:
    """A worker and a person whose machine's clock is wrong by so many seconds: what they fire, claim and may answer."""
    right, jumped = clocks.wall, 0.0
    clocks.wall = lambda: right() + jumped
    jumped = by * from_the_start
    at = Place.of(place)
    async with opened(at, mode) as hitl:
        jumped = by
        told: dict[str, Any] = {"fired": await hitl.tick()}
        others = await hitl.store.apply(ClaimRuns(hitl.owner, LONG_LEASE, hitl.clock.now(), limit=10))
        mine = [each.lease for each in others if each.run.id == run]
        told["claimed"] = len(others)
        told["lease"] = [lease.until.timestamp() - right() for lease in mine]
        told["said"] = await _said(hitl, at, (await hitl.request(request)).request, "ann", None)
        return told
