"""Scenario 51: a stop among claims, answers and effects in other processes; while the database is down; and its end."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic_ns

import pytest

from hitl_core.commands import (
    BeginEffect,
    ClaimRuns,
    EndEffect,
    GetRequest,
    LiftStop,
    OpenRun,
    RecordResponse,
    SetStop,
    Stop,
    StopScope,
)
from hitl_core.errors import HitlError, NotPermitted, Stopped, StoreUnavailable
from hitl_core.protocol import AuditEvent, EffectMode, Executed, Run, RunState
from hitl_core.runtime import Runtime
from hitl_core.testing.clock import START
from hitl_core.testing.processes import Order, Processes
from tests.core.shop import one_refund
from tests.core.stores.world import REFUND, World
from tests.faults.checker import faults, left
from tests.faults.desk import Desk
from tests.faults.installed import Installed, environment
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario
from tests.postgres.server import a_schema, a_server, stopped

pytestmark = pytest.mark.processes
ACTING = 2
BEGAN = "began"
"""A file with a byte for each effect that has begun."""


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(__name__) as warm:
        yield warm


# ── the processes ────────────────────────────────────────────────────────────────────────────────────────────


def acts_until_over(place: list[str], who: str) -> list[list[int]]:
    """One effect after the other; between which moments of the machine's own clock each of them began."""
    at = Place.of(place)
    store = at.store_blocking()
    lease, began = None, list[list[int]]()
    while lease is None:
        with suppress(Stopped):  # a run does not begin under a stop either
            lease = store.apply_blocking(OpenRun(World(store).run(), who, 3600, START)).lease
    while not (at.folder / "over").exists():
        call, asked = f"pay#{len(began)}", monotonic_ns()
        try:
            store.apply_blocking(BeginEffect(lease, call, REFUND, EffectMode.LEDGER, START))
        except Stopped:
            continue
        began.append([asked, monotonic_ns()])
        with (at.folder / BEGAN).open("a") as file:
            file.write(".")
        store.apply_blocking(EndEffect(lease, call, Executed("paid"), START))
    store.close_blocking()
    return began


def answers_and_claims_until_over(place: list[str], requests: list[str]) -> int:
    """A person and a worker: what is answered is claimed."""
    at = Place.of(place)
    store, claimed = at.store_blocking(), 0
    for name in requests:
        if (at.folder / "over").exists():
            break
        request = store.fetch_blocking(GetRequest(name)).request
        with suppress(HitlError):
            store.apply_blocking(RecordResponse(request.approve(by="ann"), START))
        claimed += len(store.apply_blocking(ClaimRuns("worker-1", 3600, START)))
    store.close_blocking()
    return claimed


def stops_again_and_again(place: list[str], stops: int) -> list[list[int]]:
    """From when to when each stop was in force, as whoever gave it was told."""
    at = Place.of(place)
    store, spans = at.store_blocking(), []
    for _ in range(stops):
        _until_others_act(at)
        store.apply_blocking(SetStop(Stop(StopScope.ALL, "", "too fast", "boss", START)))
        since = monotonic_ns()
        _let_others_act(at)
        spans.append([since, monotonic_ns()])
        store.apply_blocking(LiftStop(StopScope.ALL, "", "all is well", "chief", START))
    (at.folder / "over").touch()
    store.close_blocking()
    return spans


def _until_others_act(at: Place) -> None:
    """Until something more has begun."""
    known = _begun(at)
    while _begun(at) == known:
        _let_others_act(at)


def _begun(at: Place) -> int:
    file = at.folder / BEGAN
    return file.stat().st_size if file.exists() else 0


def _let_others_act(at: Place) -> None:
    """For a tenth of a second, without being asked for the processor."""
    with suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(asyncio.Event().wait(), 0.1))


@scenario(51)
async def test_a_stop_reaches_whatever_is_asked_for_after_it(place: Place, processes: Processes) -> None:
    """Fails if the stop is not looked up in the transaction that begins an effect (permission.py)."""
    store = await place.store()
    requests = [(await World(store).paused())[1][0].id for _ in range(many(30, full=500))]
    await store.close()
    stops = many(8, full=100)
    ended = processes.together(
        Order.of(stops_again_and_again, place=place.told, stops=stops),
        Order.of(answers_and_claims_until_over, place=place.told, requests=requests),
        *[Order.of(acts_until_over, place=place.told, who=f"worker-{number}") for number in range(2, 2 + ACTING)],
    )
    assert not any(each.error for each in ended), ended
    spans, began = ended[0].result, [each for acted in ended[2:] for each in acted.result]
    late = [each for each in began for since, until in spans if since < each[0] and each[1] < until]
    assert len(began) >= stops
    assert late == [], f"{len(late)} of {len(began)} were asked for under a stop and began under it"
    store = await place.store()
    events = await World(store).trail()
    await store.close()
    _nothing_starts_under_a_stop([entry.event for entry in events if entry.seq])


def _nothing_starts_under_a_stop(events: list[str]) -> None:
    """The trail has the order in which they were committed."""
    in_force = False
    for event in events:
        in_force = event == AuditEvent.STOP_SET or (in_force and event != AuditEvent.STOP_LIFTED)
        assert not (in_force and event in (AuditEvent.EFFECT_STARTED, AuditEvent.RUN_CLAIMED, AuditEvent.RUN_STARTED))


# ── while the database is down ───────────────────────────────────────────────────────────────────────────────


@scenario(51)
@pytest.mark.postgres
async def test_while_the_database_is_down_nothing_begins_and_a_stop_is_given_until_it_is_in_force(folder: Path) -> None:
    """Fails if a gate that cannot ask lets a call through (gate.py, `_start`), or without `insisted` (insisting.py)."""
    async with approved(folder) as (server, desk, hitl, run):
        with stopped(server):
            with pytest.raises(StoreUnavailable):
                await hitl.resume(run.id)
            given_up = await asyncio.to_thread(Installed.at(desk.place).hitl, *STOP, "--give-up", "0")
            assert given_up.returncode == 1
            assert "HITL-S02" in given_up.stderr
            insists, first = await insisting(desk.place)
            assert b"NOT in force yet: HITL-S02" in first
        said, _ = await asyncio.wait_for(insists.communicate(), 120)
        assert insists.returncode == 0
        assert b"stopped: all" in said
        with pytest.raises(Stopped):
            await hitl.resume(run.id)
        (kept,) = await hitl.stops()
        assert (kept.by, kept.reason) == ("boss", "too fast")
        assert desk.ledger.count() == 0
        assert faults(await left(desk.place)) == []


@scenario(51)
@pytest.mark.postgres
async def test_who_gives_up_is_told_that_the_stop_is_not_in_force(folder: Path) -> None:
    """Fails if an interrupted command ends as if it had done its work."""
    async with approved(folder) as (server, desk, hitl, run):
        with stopped(server):
            insists, _ = await insisting(desk.place)
            insists.send_signal(signal.SIGINT)
            _, said = await asyncio.wait_for(insists.communicate(), 120)
            assert insists.returncode == 128 + signal.SIGINT
            assert b"given up: the stop is NOT in force" in said
        assert await hitl.stops() == ()
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED


STOP = ("stop", "all", "--as", "boss", "--reason", "too fast")


@asynccontextmanager
async def approved(folder: Path) -> AsyncIterator[tuple[str, Desk, Runtime, Run]]:
    """A server of its own, a desk on it, and a run whose refund was approved and has not begun."""
    with a_server() as server:
        desk = Desk(Place(a_schema(server, folder), folder))
        async with desk.open(one_refund(desk.ledger)) as hitl:
            run = await hitl.start(None)
            await hitl.respond(run.pending[0].approve(by="ann"))
            yield server, desk, hitl, run


async def insisting(place: Place) -> tuple[Process, bytes]:
    """A `hitl stop` at work, and the first line that it said."""
    command = Installed.at(place).command(*STOP)
    insists = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, env=environment(), cwd=place.folder
    )
    assert insists.stderr is not None
    return insists, await insists.stderr.readline()


# ── its end ──────────────────────────────────────────────────────────────────────────────────────────────────


@scenario(51)
async def test_whoever_stopped_it_does_not_start_it_again(place: Place) -> None:
    """With a directory of people, who knows two from one. Fails without `_must_be_another` (stops.py)."""
    desk = Desk(place)
    desk.people("[people.boss]\n[people.chief]\n")
    async with desk.open(one_refund(desk.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(run.pending[0].approve(by="chief"))
        await hitl.stop(StopScope.ALL, by="boss", reason="too fast")
        with pytest.raises(NotPermitted, match="another person has to lift it"):
            await hitl.lift(StopScope.ALL, by="boss", reason="fine")
        with pytest.raises(Stopped):
            await hitl.resume(run.id)
        assert desk.ledger.count() == 0
        await hitl.lift(StopScope.ALL, by="chief", reason="fine")
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
        (lifted,) = [e for e in await World(hitl.store).trail() if e.event == AuditEvent.STOP_LIFTED]
        assert (lifted.actor, json.loads(lifted.body)["reason"]) == ("chief", "fine")
    assert desk.ledger.count() == 1
