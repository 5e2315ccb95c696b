"""Processes of a LangGraph app that pauses by itself, on the checkpointer of the same database. Each takes only JSON.

`crash` is `before COMMAND n` or `after COMMAND n`, of the store; or of the saver's writes, `aput` and `aput_writes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

import hitl_adapters.langgraph  # noqa: F401  # so that each fork finds it imported
from hitl_core import Runtime
from hitl_core.clock import SystemClock
from hitl_core.config import Config, make_adapter, open_store
from hitl_core.contracts import Store
from hitl_core.errors import HitlError
from hitl_core.gate import Surroundings
from hitl_core.protocol import Json, RunState
from hitl_core.runtime import Settings, Worker, leases
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint
from hitl_core.testing.processes import named
from hitl_core.tools import Catalogue
from tests.faults.meeting import Party
from tests.faults.places import Place
from tests.forking import counts, dies_at
from tests.langgraph import desk as desks
from tests.langgraph.desk import record, recorded
from tests.langgraph.graphs import State, after

UNDER_WAY = (RunState.RUNNING, RunState.PAUSED, RunState.READY)
SAVES = ("aput", "aput_writes")
LONG_LEASE = 30.0


NOWHERE = Place("", Path())


@dataclass
class Desk(desks.Desk):
    """A graph whose store and threads are at one place."""

    place: Place = NOWHERE

    def config(self) -> Config:
        return replace(super().config(), store_url=self.place.url)


def desk(place: list[str], graph: str, lease: float = LONG_LEASE) -> Desk:
    at = Place.of(place)
    return Desk(named(graph), at.folder, lease=lease, saver=lambda folder: saver(at), place=at)


@asynccontextmanager
async def saver(place: Place) -> AsyncIterator[Any]:
    if not place.on_postgres:
        async with desks.sqlite_saver(place.folder) as made:
            yield made
        return
    async with AsyncPostgresSaver.from_conn_string(place.url) as made:
        await made.setup()
        yield made


@asynccontextmanager
async def opened(at: Desk, wrap: Callable[[Store], Any] = lambda store: store) -> AsyncIterator[Runtime]:
    """As `connect`, with the store wrapped."""
    config, clock = at.config(), SystemClock()
    catalogue = Catalogue(overrides=config.tools)
    adapter, store = make_adapter(config, catalogue), wrap(await open_store(config, clock))
    around = Surroundings(store=store, policy=lambda: config.policy, clock=clock, catalogue=catalogue)
    settings = Settings(app=config.app.reference, lease_seconds=at.lease)
    async with Runtime(adapter=adapter, around=around, settings=settings) as hitl:
        yield hitl


# ── graphs ───────────────────────────────────────────────────────────────────────────────────────────────────


def drafts(state: State) -> State:
    """What is done by then is not to be done again."""
    record("drafted")
    return {}


def asks(state: State) -> State:
    if interrupt({"type": "approval", "question": "Pay?"}):
        record("paid", order=state["order"])
        return {"out": ["paid"]}
    return {"out": ["kept"]}


def inside(state: State) -> State:
    if interrupt({"type": "approval", "question": "Pay?"}):
        record("paid inside")
        return {"out": ["inside"]}
    return {"out": []}


def outside(state: State) -> State:
    if interrupt({"type": "approval", "question": "Pay?"}):
        record("paid outside")
        return {"out": ["outside"]}
    return {"out": []}


def prepares(saver: Any) -> Any:
    graph = StateGraph(State).add_node("drafts", drafts).add_node("asks", asks).add_node("after", after)
    graph.add_edge(START, "drafts").add_edge("drafts", "asks").add_edge("asks", "after")
    return graph.compile(checkpointer=saver)


def pays(saver: Any) -> Any:
    graph = StateGraph(State).add_node("asks", asks).add_node("after", after)
    return graph.add_edge(START, "asks").add_edge("asks", "after").compile(checkpointer=saver)


def nested(saver: Any) -> Any:
    """Two pauses at once that ask the same: one in a graph inside the graph, one beside it."""
    inner = StateGraph(State).add_node("inside", inside).add_edge(START, "inside").compile()
    graph = (
        StateGraph(State).add_node("inner", cast("Any", inner)).add_node("outside", outside).add_node("after", after)
    )
    graph.add_edge(START, "inner").add_edge(START, "outside")
    return graph.add_edge(["inner", "outside"], "after").compile(checkpointer=saver)


# ── what the processes do ────────────────────────────────────────────────────────────────────────────────────


async def starts(
    place: list[str], graph: str, inputs: list[Json], crash: str = "", lease: float = LONG_LEASE
) -> list[str]:
    """Start runs; be killed at `crash`."""
    at = desk(place, graph, lease)
    when, what, nth = crash.split() if crash else ("", "", "0")
    if what in SAVES:
        dies_at(AsyncPostgresSaver if at.place.on_postgres else AsyncSqliteSaver, what, when, int(nth))
    point = CrashPoint(what, when, int(nth)) if crash and what not in SAVES else None  # type: ignore[arg-type]
    async with opened(at, lambda store: CrashingStore(store, point)) as hitl:
        return [(await hitl.start(each)).id for each in inputs]


async def rehearses(place: list[str], graph: str, input: Json) -> dict[str, list[str]]:
    """Start one run undisturbed; the commands to the store and the writes of the saver that it took."""
    at, logs, saved = desk(place, graph), list[CommandLog](), list[str]()
    for method in SAVES:
        counts(AsyncPostgresSaver if at.place.on_postgres else AsyncSqliteSaver, method, saved)

    def logged(store: Store) -> CommandLog:
        logs.append(CommandLog(store))
        return logs[-1]

    async with opened(at, logged) as hitl:
        await hitl.start(input)
    return {"commands": logs[0].names, "saved": saved}


async def ends(place: list[str], graph: str) -> list[list[Any]]:
    """Go on with the one run that is not over, saying yes; what was asked, and how much more than drafts by then."""
    asked = []
    async with opened(desk(place, graph)) as hitl:
        for run in (await hitl.runs(states=UNDER_WAY)).items:
            while (run := await hitl.wait(run.id, timeout=60)).pending:
                (request,) = run.pending
                happened = sum(each["effect"] != "drafted" for each in recorded())
                asked.append(["cut off" if request.in_doubt else request.title, happened])
                yes = request.choose("again", by="ann") if request.in_doubt else request.approve(by="ann")
                await hitl.respond(yes)
    return asked


async def takes_over(place: list[str], graph: str) -> list[str]:
    """A worker on another machine, as far as it can tell, until nothing is left running; what states it found."""
    leases._host = lambda: "elsewhere"
    async with opened(desk(place, graph)) as hitl:
        found = [run.state.value for run in (await hitl.runs()).items]
        working = Worker(hitl)
        while any(run.state.value == "running" for run in (await hitl.runs()).items):
            await working.run_until_idle()
            await hitl.store.changed(timeout=0.1)
    return found


async def says(place: list[str], graph: str, name: str, decision: str) -> list[Any]:
    """Answer the open request of that title, or from that agent, and go on as far as it goes; state and output."""
    async with opened(desk(place, graph)) as hitl:
        pending = [settled.request for settled in (await hitl.inbox()).items]
        (request,) = [each for each in pending if name in (each.title, *each.action.origin.agents)]
        yes = decision == "approve"
        await hitl.respond(request.approve(by="ann") if yes else request.reject("no", by="ann"))
        run = await hitl.wait(request.run_id, timeout=60)
        return [run.state.value, run.output]


async def answers_and_resumes(place: list[str], graph: str, runs: list[str], who: str, meeting: str) -> int:
    """Answer and resume one run after the other, each in the same moment as the others here; how often this one won."""
    won = 0
    with Party(meeting) as meet:
        async with opened(desk(place, graph)) as hitl:
            await hitl.attach()
            for name in runs:
                (request,) = (await hitl.run(name)).pending
                await asyncio.to_thread(meet)
                with suppress(HitlError):
                    won += not (await hitl.respond(request.approve(by=who))).replayed
                with suppress(HitlError):
                    await hitl.resume(name)
                await asyncio.to_thread(meet)
    return won
