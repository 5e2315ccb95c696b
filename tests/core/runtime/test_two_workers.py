"""P43: two workers and two people at once, in four processes: each run decided once, each effect there once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from hitl_core.commands import ReadAudit
from hitl_core.protocol import AuditEntry
from hitl_core.testing.processes import Order, Processes
from tests.core.runtime import stories
from tests.core.shop import Ledger, Shop

RUNS = 200


async def trail(folder: Path) -> list[AuditEntry]:
    store = await Shop(folder).store()
    try:
        return list((await store.fetch(ReadAudit(limit=100_000))).items)
    finally:
        await store.close()


@pytest.mark.processes
async def test_p43_two_workers_and_two_people_at_once(memory_folder: Path) -> None:
    folder = str(memory_folder)
    with Processes(stories.__name__) as processes:
        assert processes.run(Order.of(stories.start_many, folder=folder, runs=RUNS)).result == RUNS
        workers = [Order.of(stories.work_until_done, folder=folder)] * 2
        people = [Order.of(stories.answer_all, folder=folder, by=name) for name in ("ann", "bob")]
        ended = processes.together(*workers, *people)
    assert [(each.signal, each.error) for each in ended] == [(0, "")] * 4
    first, second, ann, bob = (each.result for each in ended)
    assert first + second == RUNS, "each run took one turn"
    assert ann["won"] + bob["won"] == RUNS, "each request was decided once"

    lines = await trail(memory_folder)
    decided = Counter(line.subject for line in lines if line.event == "request.decided")
    started = Counter((line.subject, json.loads(line.body)["call"]) for line in lines if line.event == "effect.started")
    assert (len(decided), set(decided.values())) == (RUNS, {1})
    assert (len(started), set(started.values())) == (2 * RUNS, {1})
    ledger = Ledger(memory_folder / "ledger.jsonl")
    assert [ledger.count(effect) for effect in ("look up", "refund", "mail", "receipt")] == [RUNS] * 4
    assert (await Shop(memory_folder).verified()).exit_code == 0
