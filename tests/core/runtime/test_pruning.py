"""What rules have counted goes when no look reaches it any more: by the sweep, a little at a time."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_core.apps import AppSource
from hitl_core.commands import Command, PruneHistory, PruneSlips, PutSlip, Slip, SlipKind
from hitl_core.config import Config, connect
from hitl_core.policy import LONGEST
from hitl_core.protocol import RunState
from hitl_core.runtime import Runtime
from hitl_core.runtime.pruning import AT_ONCE, EVERY
from hitl_core.testing.clock import ManualClock
from tests.core.shop import Ledger, Shop, one_refund, policy, rule, trail

FREE = rule("free", level="autonomous", allow_irreversible="a test")
DAY = rule("day", level="confirm", when={"budget": {"argument": "amount", "within": "1d", "above": 200}})
NEW = rule("new", level="confirm", when={"novel": {"argument": "order"}})
DAYS = 86_400


def counted(folder: Path, name: str = "shop.db") -> int:
    """Rows that are kept for rules."""
    connection = sqlite3.connect(folder / name)
    (found,) = connection.execute("SELECT COUNT(*) FROM hitl_past").fetchone()
    connection.close()
    return int(found)


async def ticks(hitl: Runtime) -> None:
    """As many sweeps as one round takes here."""
    for _ in range(6):
        await hitl.tick()


async def test_the_sweep_deletes_what_no_look_reaches_and_the_trail_stays(shop: Shop) -> None:
    shop.policy = policy(FREE, DAY)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start({"amount": 150})
        shop.clock.advance((LONGEST.days + 2) * DAYS)
        assert (await hitl.start({"amount": 150})).state is RunState.COMPLETED
        before = len(await trail(hitl, "effect.started"))
        await ticks(hitl)
        assert counted(shop.folder) == 1
        assert len(await trail(hitl, "effect.started")) == before
        assert (await hitl.start({"amount": 150})).state is RunState.PAUSED
    assert (await shop.verified()).exit_code == 0


async def test_what_is_within_the_reach_of_any_rule_stays(shop: Shop) -> None:
    """A rule that is added later may look back a year: it finds what was counted before it."""
    shop.policy = policy(FREE, DAY)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start({"amount": 150})
        shop.clock.advance(300 * DAYS)
        await ticks(hitl)
        year = rule("year", level="confirm", when={"budget": {"argument": "amount", "within": "365d", "above": 200}})
        shop.policy = policy(FREE, year, version="2")
        assert (await hitl.start({"amount": 100})).state is RunState.PAUSED


async def test_a_first_time_is_one_for_ever_and_what_no_rule_here_counts_is_not_touched(shop: Shop) -> None:
    shop.policy = policy(FREE, DAY)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start({"amount": 150})
        shop.policy = policy(FREE, NEW, version="2")
        run = await hitl.start({"amount": 1})
        await hitl.respond(run.pending[0].approve(by="ann"))
        await hitl.resume(run.id)
        shop.clock.advance(2 * LONGEST.days * DAYS)
        await ticks(hitl)
        assert counted(shop.folder) == 2
        assert (await hitl.start({"amount": 1})).state is RunState.COMPLETED


async def test_one_sweep_does_a_little_and_an_hour_lies_between_two_rounds(shop: Shop) -> None:
    shop.policy = policy(FREE, rule("each", level="confirm", when={"rate": {"within": "1h", "per": "run", "above": 9}}))
    left: list[int] = []
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start(None)
        with sqlite3.connect(shop.folder / "shop.db") as rows:
            (series, at, effect) = rows.execute("SELECT series, at, effect FROM hitl_past").fetchone()
            many = [(series, number.to_bytes(32, "big"), at, effect, 0) for number in range(3 * AT_ONCE)]
            rows.executemany("INSERT INTO hitl_past (series, key, at, effect, amount) VALUES (?, ?, ?, ?, ?)", many)
        rows.close()
        shop.clock.advance((LONGEST.days + 2) * DAYS)
        for _ in range(5):
            await hitl.tick()
            left.append(counted(shop.folder))
        assert sorted(left, reverse=True) == left
        assert left[-1] == 0
        assert left[0] >= AT_ONCE, "not all of it at once"
        await hitl.start(None)
        shop.clock.advance(EVERY.total_seconds() - 1)
        await hitl.tick()
        assert counted(shop.folder) == 1
        shop.clock.advance((LONGEST.days + 2) * DAYS)
        await ticks(hitl)
        assert counted(shop.folder) == 0


async def test_processes_that_sweep_once_get_everywhere_too(shop: Shop) -> None:
    """As `hitl tick` from cron: none remembers how far another one came."""
    shop.policy = policy(FREE, DAY, rule("often", level="confirm", when={"rate": {"within": "1h", "above": 9}}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start(None)
    shop.clock.advance((LONGEST.days + 2) * DAYS)
    for _ in range(40):
        async with shop.open(one_refund(shop.ledger)) as hitl:
            await hitl.tick()
        if not counted(shop.folder):
            return
    raise AssertionError(f"{counted(shop.folder)} rows are left")


async def test_a_shorter_time_can_be_chosen_and_no_rule_loses_its_window(tmp_path: Path) -> None:
    clock, ledger = ManualClock(), Ledger(tmp_path / "ledger.jsonl")
    month = rule("month", level="confirm", when={"budget": {"argument": "amount", "within": "30d", "above": 200}})
    config = Config(
        backend="plain",
        app=AppSource("test:app", one_refund(ledger)),
        policy=policy(FREE, month),
        history=timedelta(days=1),
        folder=tmp_path,
    )
    async with connect(config, clock=clock) as hitl:
        await hitl.start({"amount": 150})
        clock.advance(29 * DAYS)
        await ticks(hitl)
        assert (await hitl.start({"amount": 100})).state is RunState.PAUSED
        clock.advance(3 * DAYS)
        await ticks(hitl)
        assert counted(tmp_path, "hitl.db") == 0


async def test_a_failure_is_logged_and_the_sweep_goes_on(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.policy = policy(FREE, DAY)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        apply = hitl.store.apply

        async def forgetful(command: Command[Any]) -> Any:
            if isinstance(command, PruneHistory):
                raise KeyError(PruneHistory)
            return await apply(command)

        with pytest.MonkeyPatch.context() as patched, caplog.at_level(logging.WARNING):
            patched.setattr(hitl.store, "apply", forgetful)
            assert await hitl.tick() == 0
        assert "cannot be pruned" in caplog.text
        assert (await hitl.start({"amount": 150})).state is RunState.COMPLETED


async def test_the_sweep_deletes_slips_that_have_expired(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hitl_core.runtime.pruning.AT_ONCE", 2)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        for number in range(5):
            expires = shop.clock.now() + timedelta(hours=1 if number else 9)
            slip = Slip(SlipKind.SESSION, str(number), shop.clock.now(), expires=expires)
            await hitl.store.apply(PutSlip(slip, shop.clock.now()))
        await hitl.tick()
        assert slips(shop.folder) == 5
        shop.clock.advance(2 * 3600)
        await hitl.tick()
        assert slips(shop.folder) == 3
        await ticks(hitl)
        assert slips(shop.folder) == 1
        assert await hitl.store.apply(PruneSlips(shop.clock.now())) == 0


def slips(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        (found,) = connection.execute("SELECT COUNT(*) FROM hitl_slips").fetchone()
    return int(found)
