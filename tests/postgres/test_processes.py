"""Several processes on one database: races have one winner, and a killed one loses nothing that it acknowledged."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hitl_core.audit import verify
from hitl_core.commands import (
    BeginEffect,
    Counted,
    GetRequest,
    LiftStop,
    OpenRun,
    ReadAudit,
    ReadHistory,
    SetStop,
    Stop,
    StopScope,
)
from hitl_core.errors import HistoryMoved, Stopped
from hitl_core.lifecycle import RequestState
from hitl_core.policy import Question, Tally
from hitl_core.protocol import AuditEvent, EffectMode, Run, new_id, sha256
from hitl_core.stores.postgres import PostgresStore
from hitl_core.testing.clock import START
from tests.core.stores.crowd import (
    CONTEXT,
    PAY,
    RUN,
    Place,
    answer_all,
    answer_until_killed,
    claim_all,
    crowd,
    killed_in_the_middle,
    opened,
    raced,
)
from tests.core.stores.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.processes]
PEOPLE = ("ann", "bob", "cem")
BUDGETS = [f"budget-{number}" for number in range(20)]
STOPS = 12
"""How often everything is stopped while all of them begin one action after the other."""


@pytest.fixture
def place(url: str, tmp_path: Path) -> tuple[str, Path]:
    return url, tmp_path


async def test_three_processes_answer_the_same_200_requests(place: tuple[str, Path]) -> None:
    store = await _opened(place)
    _, requests = await World(store).paused(count=200)
    names = [each.id for each in requests]
    won = raced(answer_all, [(place, names, who) for who in PEOPLE])
    assert sorted(won) == sorted(names)
    settled = [await store.fetch(GetRequest(name)) for name in names]
    assert all(each.state is RequestState.DECIDED for each in settled)
    await _assert_intact(store, place)


async def test_three_processes_claim_the_same_runs(place: tuple[str, Path]) -> None:
    store = await _opened(place)
    world = World(store)
    runs = [(await world.pause(await world.open())).id for _ in range(100)]
    taken = raced(claim_all, [(place, who) for who in PEOPLE])
    assert sorted(taken) == sorted(runs)
    await _assert_intact(store, place)


def pay_twice(place: Place, who: str, start: Any, paid: Any) -> None:
    """Of each budget, which is for two payments, pay as long as there is something left; all begin with it at once."""
    store, mine = opened(place), list[str]()
    run = Run(**RUN, id=new_id(START), created_at=START, updated_at=START)
    lease = store.apply_blocking(OpenRun(run, who, 3600, START)).lease
    for name in BUDGETS:
        budget = Question(sha256(b"payments"), sha256(name.encode()))
        start.wait()
        while (known := store.fetch_blocking(ReadHistory((budget,), "", "", START))[0]).count < 2:
            counted = (Counted(Tally(budget, Decimal(1)), known),)
            call = f"pay#{len(mine)}"
            with suppress(HistoryMoved):
                store.apply_blocking(BeginEffect(lease, call, PAY, EffectMode.LEDGER, START, counted=counted))
                mine.append(name)
    store.close_blocking()
    paid.put(mine)


async def test_three_processes_spend_the_same_budgets_and_not_a_cent_more(place: tuple[str, Path]) -> None:
    store = await _opened(place)
    paid = raced(pay_twice, [(place, who) for who in PEOPLE])
    assert Counter(paid) == dict.fromkeys(BUDGETS, 2)
    await _assert_intact(store, place)


async def test_killed_processes_lose_no_answer_that_they_acknowledged(place: tuple[str, Path], tmp_path: Path) -> None:
    store, diary = await _opened(place), tmp_path / "diary"
    _, requests = await World(store).paused(count=300)
    names = [each.id for each in requests]
    diary.touch()
    for kill in range(4):
        arguments = [(place, names, f"{who}-{kill}", diary) for who in PEOPLE]
        with crowd(answer_until_killed, arguments, ends=-9) as processes:
            killed_in_the_middle(processes, diary, random.randint(5, 30), len(names))
    acknowledged = [line for line in diary.read_text().splitlines() if len(line) == 36]
    assert len(acknowledged) == len(set(acknowledged)), "an answer was won twice"
    states = {name: (await store.fetch(GetRequest(name))).state for name in acknowledged}
    assert set(states.values()) == {RequestState.DECIDED}
    await _assert_intact(store, place)


def begin_until_over(place: Place, who: str, over: Any, begun: Any) -> None:
    """Begin one action after the other, whatever is stopped."""
    store = opened(place)
    run = Run(**RUN, id=new_id(START), created_at=START, updated_at=START)
    lease = store.apply_blocking(OpenRun(run, who, 3600, START)).lease
    count = 0
    while not over.is_set():
        try:
            store.apply_blocking(BeginEffect(lease, f"pay#{count}", PAY, EffectMode.LEDGER, START))
        except Stopped:
            continue
        count += 1
        if count == 1:
            begun.release()
    store.close_blocking()


async def test_nothing_begins_between_a_stop_and_its_end(place: tuple[str, Path]) -> None:
    """The trail has the order in which they were committed: no action begins after a stop that is in force."""
    store = await _opened(place)
    over, begun = CONTEXT.Event(), CONTEXT.Semaphore(0)
    with crowd(begin_until_over, [(place, who, over, begun) for who in PEOPLE]):
        for _ in PEOPLE:
            begun.acquire()
        for _ in range(STOPS):
            await store.apply(SetStop(Stop(StopScope.ALL, "", "too fast", "boss", START)))
            await store.apply(LiftStop(StopScope.ALL, "", "all is well", "boss", START))
        over.set()
    events = [entry.event for entry in (await store.fetch(ReadAudit(limit=10**6))).items]
    in_force, began = False, 0
    for event in events:
        in_force = event == AuditEvent.STOP_SET or (in_force and event != AuditEvent.STOP_LIFTED)
        assert not (in_force and event == AuditEvent.EFFECT_STARTED)
        began += event == AuditEvent.EFFECT_STARTED
    assert events.count(AuditEvent.STOP_SET) == STOPS
    assert began >= len(PEOPLE)
    await _assert_intact(store, place)


async def _opened(place: tuple[str, Path]) -> PostgresStore:
    url, folder = place
    return await PostgresStore.open(url, folder=folder)


async def _assert_intact(store: PostgresStore, place: tuple[str, Path]) -> None:
    """The trail verifies, to its last line, after everybody has left."""
    await store.close()
    again = await _opened(place)
    report = await verify(again, again.custody)
    assert (report.exit_code, report.findings) == (0, ())
    assert report.anchored == report.lines
    await again.close()
