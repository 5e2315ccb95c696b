"""Scenarios 22 to 26: a wrong clock, around a deadline, many deadlines, late ones, and ones in any time zone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl_core.commands import FireTimers, GetRequest, OpenRun, PauseRun
from hitl_core.errors import RequestExpired
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import AuditEvent, Escalation, PauseRequest, RunState
from hitl_core.testing.clock import START
from hitl_core.testing.processes import Order, Processes
from tests.core.stores.world import World
from tests.faults import crowd, lives
from tests.faults.checker import faults, left
from tests.faults.meeting import meeting
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario
from tests.faults.story import Story

MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
MILLISECOND = timedelta(milliseconds=1)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")


HOUR = 3600.0
SET = pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["ahead", "back"])


@scenario(22)
@SET
async def test_the_clock_of_a_machine_is_set_while_it_works(place: Place, processes: Processes, by: float) -> None:
    """Fails if `SystemClock.now` (hitl_core/clock.py) says what the machine says: `wall`, which is what is set here."""
    await nothing_comes_of_it(place, processes, by, from_the_start=False)


@scenario(22)
@SET
async def test_the_clock_of_a_machine_was_always_wrong(on_postgres: Place, processes: Processes, by: float) -> None:
    """Fails if nobody asks the server (postgres/server/timing.py). Who write a file share one clock: if that is wrong
    from the start, nobody can know."""
    await nothing_comes_of_it(on_postgres, processes, by, from_the_start=True)


async def nothing_comes_of_it(place: Place, processes: Processes, by: float, *, from_the_start: bool) -> None:
    now = datetime.now(UTC)
    world = World(await place.store(), now)
    busy = await world.open("another host", lease_seconds=300)
    late, (request,) = await world.paused(deadline=now + 10 * MINUTE)
    ready = await world.pause(await world.open())
    await world.store.close()
    given = {"by": by, "from_the_start": from_the_start, "run": ready.id, "request": request.id}
    told = Story(place, processes).does(lives.jumps, **given)
    (lease,) = told.pop("lease")
    assert told == {"fired": 0, "claimed": 1, "said": "won"}
    assert lives.LONG_LEASE - 20 < lease <= lives.LONG_LEASE + 2, "it lasts as long as it says, for all others too"
    found = await left(place)
    states = {run.id: run.state for run in found.runs}
    assert (states[busy.run.id], states[late.id]) == (RunState.RUNNING, RunState.READY)
    assert len(found.lines(AuditEvent.REQUEST_EXPIRED)) == 0
    assert faults(found) == []


@scenario(23)
@pytest.mark.parametrize("fired", [False, True], ids=["before it was fired", "after it was fired"])
async def test_an_answer_a_millisecond_after_the_deadline(place: Place, fired: bool) -> None:
    """Fails if `is_late` (stores/sql/commands) asks `>` with a margin, or if only `fire_timers` closes a request."""
    world = World(await place.store())
    run, (request,) = await world.paused(deadline=START + MINUTE)
    world.now = START + MINUTE
    if fired:
        assert await world.fire() == [request.id]
    world.now += MILLISECOND
    with pytest.raises(RequestExpired, match="passed; what" if fired else "passed at 2026-01-05T09:01:00"):
        await world.answer(request.approve(by="ann"))
    await world.fire()
    assert (await world.settled(request)).response is None
    assert await world.state(request) is RequestState.EXPIRED
    assert (await world.claim(run)).run.id == run.id  # it goes on with what the deadline declared, not with that answer
    await world.store.close()
    found = await left(place)
    (late,) = found.lines(AuditEvent.REQUEST_REFUSED)
    assert (late.subject, late.actor, json.loads(late.body)["code"]) == (request.id, "ann", RequestExpired.code)
    assert faults(found) == []


@scenario(23)
async def test_an_answer_a_millisecond_before_the_deadline(place: Place) -> None:
    """Fails if `is_late` is early: the other side of the same line."""
    world = World(await place.store())
    _, (request,) = await world.paused(deadline=START + MINUTE)
    world.now = START + MINUTE - MILLISECOND
    await world.answer(request.approve(by="ann"))
    world.now = START + MINUTE
    assert await world.fire() == []
    assert await world.state(request) is RequestState.DECIDED
    await world.store.close()
    assert faults(await left(place)) == []


@scenario(25)
async def test_a_deadline_that_nobody_was_there_for(place: Place) -> None:
    """Fails if `_DUE` looks only at the last minutes, or if the line of the trail takes `now` for `due`."""
    world = World(await place.store())
    run, (request,) = await world.paused(deadline=START + MINUTE)
    await world.store.close()
    world = World(await place.store(), START + timedelta(days=3))
    assert await world.fire() == [request.id]
    assert await world.fire() == []
    assert await world.run_state(run) is RunState.READY
    await world.store.close()
    found = await left(place)
    (line,) = found.lines(AuditEvent.REQUEST_EXPIRED)
    due = datetime.fromtimestamp(json.loads(line.body)["due"] / 1e6, UTC)
    assert (due, line.at) == (START + MINUTE, START + timedelta(days=3))
    assert faults(found) == []


# ── any time zone ────────────────────────────────────────────────────────────────────────────────────────────

# What a clock on a wall says, which is no instant yet.
CHANGES = st.sampled_from(["2026-03-29 01:00", "2026-10-25 02:00", "2026-03-08 02:00", "2026-11-01 01:00"])
NEAR = st.timedeltas(timedelta(hours=-3), timedelta(hours=3))
YEARS = st.timedeltas(timedelta(days=40), timedelta(days=25_000))
WALL_CLOCKS = st.one_of(
    st.builds(lambda at, more: datetime.fromisoformat(at) + more, CHANGES, NEAR),
    st.builds(lambda more: START.replace(tzinfo=None) + more, YEARS),
)


@st.composite
def deadlines(draw: st.DrawFn) -> datetime:
    """What a clock on some wall says, around a change of daylight saving or at any time; also when it says it twice."""
    on_the_wall: datetime = draw(WALL_CLOCKS)
    return on_the_wall.replace(tzinfo=ZoneInfo(draw(st.sampled_from(ZONES))), fold=draw(st.integers(0, 1)))


@scenario(26)
async def test_a_deadline_in_any_time_zone_is_the_same_instant(place: Place) -> None:
    """Fails if a deadline is stored by its wall clock: `micros` (protocol) without `astimezone`."""
    store = place.store_blocking()
    world = World(store)

    def opened(deadline: datetime) -> PauseRequest:
        claimed = store.apply_blocking(OpenRun(world.run(), "worker", 30, START))
        request = world.request(claimed, deadline=deadline)
        store.apply_blocking(PauseRun(claimed.lease, None, (request,), START))
        return request

    @settings(max_examples=many(60, full=2000), deadline=None, suppress_health_check=list(HealthCheck))
    @given(deadlines())
    def tried(deadline: datetime) -> None:
        utc = deadline.astimezone(UTC)
        request = opened(deadline)
        known = store.fetch_blocking(GetRequest(request.id)).request
        assert known.deadline == utc
        assert store.apply_blocking(FireTimers(utc - INSTANT)) == ()
        (fired,) = store.apply_blocking(FireTimers(utc))
        assert fired.request.id == request.id

    tried()
    store.close_blocking()
    assert faults(await left(place)) == []


# ── many ─────────────────────────────────────────────────────────────────────────────────────────────────────

AT_ONCE = 500
"""Requests in one run: to open 100,000 quickly."""


@scenario(24)
async def test_many_deadlines_at_once(place: Place, processes: Processes) -> None:
    """Fails if `_EXPIRE` leaves the state as it is, if `_ASKED` deletes nothing, or if a sweep has no limit."""
    count = many(2000, full=100_000)
    store = await place.store()
    world = World(store)
    later = Escalation(after_seconds=30, roles=("lead",))
    for _ in range(count // AT_ONCE):
        claimed = await world.open()
        every = [
            world.request(claimed, f"refund#{n}", deadline=START + MINUTE, escalation=(later,) if n % 2 else ())
            for n in range(AT_ONCE)
        ]
        await world.pause(claimed, *every)
    await store.close()
    with meeting(place.folder, 3) as path:
        at = {"place": place.told, "meeting": path}
        fires, looks = (Order.of(act, **at, moments=[30, 60]) for act in (crowd.sweep, crowd.look_at_inbox))
        ended = processes.together(*(replace(each, patience=many(150, full=1500)) for each in (fires, fires, looks)))
    assert [(each.signal, each.error) for each in ended] == [(0, "")] * 3
    one, other, pages = (each.result for each in ended)
    assert Counter(one["fired"]) + Counter(other["fired"]) == {"open": count // 2, "expired": count}
    assert max(one["most"], other["most"]) <= FireTimers(START).limit, "all the others wait for a sweep"
    assert pages["looks"] > 10
    took = max(one["took"], other["took"])  # longer where many share the machine
    assert pages["longest"] < max(3.0, took / 4), "the inbox did not answer while deadlines fired"
    found = await left(place)
    assert {settled.state for settled in found.requests} == {RequestState.EXPIRED}
    escalated = Counter(entry.subject for entry in found.lines(AuditEvent.REQUEST_ESCALATED))
    assert (len(escalated), set(escalated.values()) <= {1}) == (count // 2, True)
    assert faults(found) == []
