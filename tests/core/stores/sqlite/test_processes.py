"""Several processes on one file: races have one winner, and a killed writer loses nothing that it acknowledged."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest

from hitl_core.audit import verify
from hitl_core.commands import GetRequest, ReadHistory
from hitl_core.lifecycle import RequestState
from hitl_core.policy import Past
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.testing.clock import START
from tests.core.stores.crowd import (
    LIMIT,
    SPENT,
    answer_all,
    answer_until_killed,
    claim_all,
    crowd,
    killed_in_the_middle,
    pay_all,
    raced,
)
from tests.core.stores.world import World

pytestmark = pytest.mark.processes
PEOPLE = ("ann", "bob")


async def test_two_processes_answer_the_same_500_requests(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    _, requests = await World(store).paused(count=500)
    names = [each.id for each in requests]
    won = raced(answer_all, [(path, names, who) for who in PEOPLE])
    assert sorted(won) == sorted(names)
    settled = [await store.fetch(GetRequest(name)) for name in names]
    assert all(each.state is RequestState.DECIDED for each in settled)
    await _assert_intact(store, path)


async def test_two_processes_claim_the_same_runs(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    world = World(store)
    runs = []
    for _ in range(100):
        claimed = await world.open()
        runs.append((await world.pause(claimed)).id)
    taken = raced(claim_all, [(path, who) for who in PEOPLE])
    assert sorted(taken) == sorted(runs)
    await _assert_intact(store, path)


async def test_two_processes_spend_the_same_budget_and_not_a_cent_more(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    paid = raced(pay_all, [(path, who) for who in PEOPLE])
    assert len(set(paid)) == LIMIT
    assert await store.fetch(ReadHistory((SPENT,), "", "", START)) == (Past(LIMIT, Decimal(LIMIT) / 4),)
    await _assert_intact(store, path)


async def test_killed_writers_lose_no_answer_that_they_acknowledged(tmp_path: Path) -> None:
    path, diary = tmp_path / "desk.db", tmp_path / "diary"
    store = await SqliteStore.open(path)
    _, requests = await World(store).paused(count=400)
    names = [each.id for each in requests]
    diary.touch()
    for kill in range(8):
        arguments = [(path, names, f"{who}-{kill}", diary) for who in PEOPLE]
        with crowd(answer_until_killed, arguments, ends=-9) as processes:
            killed_in_the_middle(processes, diary, random.randint(5, 30), len(names))
    acknowledged = [line for line in diary.read_text().splitlines() if len(line) == 36]
    assert len(acknowledged) == len(set(acknowledged)), "an answer was won twice"
    states = {name: (await store.fetch(GetRequest(name))).state for name in acknowledged}
    assert set(states.values()) == {RequestState.DECIDED}
    await _assert_intact(store, path)


async def _assert_intact(store: SqliteStore, path: Path) -> None:
    """The trail verifies, to its last line, after everybody has left."""
    await store.close()
    again = await SqliteStore.open(path)
    report = await verify(again, again.custody)
    assert (report.exit_code, report.findings) == (0, ())
    assert report.anchored == report.lines
    await again.close()
