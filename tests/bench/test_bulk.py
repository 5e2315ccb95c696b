"""Stores that are filled in bulk are what the store itself would have written; and what one writes by hand works."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.bulk import Pattern, checked, filled_file
from bench.by_hand import Approvals
from bench.filled import fill, request_record
from bench.kills import Storm, by_hand, ours
from hitl_core.audit import Chain
from hitl_core.commands import ClaimRuns, FinishRun, GetRequest, ListRequests, RecordResponse
from hitl_core.protocol import RunState
from hitl_core.stores.sqlite import SqliteStore

NOW = datetime.now(UTC)
SOME = 250


def rows(file: Path) -> dict[str, int]:
    """How many each table has."""
    with closing(sqlite3.connect(file)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in names}


async def test_as_many_rows_as_the_store_would_have_written(tmp_path: Path) -> None:
    bulk = await filled_file(tmp_path, SOME)
    store = SqliteStore.open_blocking(tmp_path / "written.db")
    await fill(store, SOME)
    await store.close()
    assert rows(bulk) == rows(tmp_path / "written.db")


async def test_the_store_finds_all_of_them_and_its_trail_intact(tmp_path: Path) -> None:
    store = SqliteStore.open_blocking(await filled_file(tmp_path, SOME))
    await checked(store, SOME)
    with pytest.raises(AssertionError, match="are open, not"):
        await checked(store, SOME + 1)
    await store.close()


async def test_any_of_them_can_be_answered_claimed_and_finished(tmp_path: Path) -> None:
    store = SqliteStore.open_blocking(await filled_file(tmp_path, SOME))
    page = await store.fetch(ListRequests(limit=1, cursor=str(SOME // 2)))
    (settled,) = page.items
    assert settled.request.to_json() == (await store.fetch(GetRequest(settled.request.id))).request.to_json()
    await store.apply(RecordResponse(settled.request.approve(by="reviewer"), NOW))
    (claimed,) = await store.apply(ClaimRuns("bench", 60.0, NOW, 1, settled.request.run_id))
    run = await store.apply(FinishRun(claimed.lease, RunState.COMPLETED, NOW, consumed=(settled.request.call,)))
    assert run.state is RunState.COMPLETED
    await checked(store, SOME - 1)
    await store.close()


def test_a_table_that_the_pattern_does_not_know_is_an_error() -> None:
    found: dict[str, tuple[list[str], list[list[object]]]] = {"hitl_new": (["key"], [[1]])}
    with pytest.raises(AssertionError, match=r"writes to \['hitl_new'\] too"):
        Pattern(found, "run", "request", Chain(b"secret", "origin"), 2)


def test_a_request_has_the_bytes_that_the_figures_say() -> None:
    assert len(request_record("0" * 36, NOW).to_json()) == 1_200


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_by_hand_the_first_answer_wins_and_is_worked_on_once(tmp_path: Path) -> None:
    approvals, done = Approvals.open(str(tmp_path / "hand.db")), list[str]()
    approvals.ask("a", {"order": 1})
    assert approvals.pending(10) == [("a", {"order": 1})]
    assert [approvals.answer("a", said, "me") for said in ("yes", "no")] == [True, False]
    assert approvals.work(lambda name, asked: done.append(name)) == 1
    assert approvals.work(lambda name, asked: done.append(name)) == 0
    assert done == ["a"]
    approvals.close()


def test_by_hand_what_was_in_hands_is_done_again(tmp_path: Path) -> None:
    """Why the kill test finds refunds that are paid twice."""
    first, done = Approvals.open(str(tmp_path / "hand.db")), list[str]()
    first.ask("a", {})
    first.answer("a", "yes", "me")

    def pays_and_dies(name: str, asked: object) -> None:
        done.append(name)
        raise SystemExit

    with pytest.raises(SystemExit):
        first.work(pays_and_dies)
    second, looks = Approvals.open(str(tmp_path / "hand.db")), SimpleNamespace(left=1)
    second.serve(lambda name, asked: done.append(name), lambda: bool(done[1:]) or not looks.left)
    assert done == ["a", "a"]
    first.close()
    second.close()


@pytest.mark.processes
async def test_killed_between_an_approval_and_its_effect_nothing_is_paid_twice_with_us(tmp_path: Path) -> None:
    storm = Storm(runs=6, kills=2)
    found = await ours(f"sqlite:///{tmp_path / 'ours.db'}", tmp_path, storm)
    assert (found.twice, found.never) == (0, 0)
    assert found.kills == 2
    assert by_hand(str(tmp_path / "hand.db"), tmp_path, storm).never == 0
