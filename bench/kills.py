"""What is lost and what is done twice when workers are killed: the same effects, by three libraries.

Everything is approved before the first worker starts. A worker lives until a moment after its first effect, then gets
kill -9; the next one takes over. In the end one lives on until all is settled, and people answer where they are asked.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hitl_core import Runtime, connect
from hitl_core.gate import HAPPENED, NOT_HAPPENED
from hitl_core.protocol import RunState

from .by_hand import Approvals
from .pairs import config
from .paying import desk, paid
from .processes import Clerk, clerk

LONGEST_LIFE: Final = 0.05
"""Seconds after its first effect in which a worker is killed, at most."""
PATIENCE: Final = 300.0


@dataclass(frozen=True, slots=True)
class Storm:
    """How many effects, how many kills, and which moments."""

    runs: int
    kills: int
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the effects. `asked`: how many a person was asked about, because nobody could know."""

    who: str
    runs: int
    kills: int
    twice: int
    never: int
    asked: int

    @property
    def row(self) -> tuple[str, ...]:
        return (self.who, *(f"{each:,}" for each in (self.runs, self.kills, self.twice, self.never, self.asked)))


HEAD: Final = ("who", "approved refunds", "kills", "paid twice", "never paid", "asked a person")

Start = Callable[[], AbstractContextManager[Clerk]]


async def ours(store: str, folder: Path, storm: Storm) -> Outcome:
    """Through us: what is in doubt is asked, and answered by whoever looks into the ledger."""
    ledger = folder / "ours.ledger"
    async with connect(config("plain", desk, folder, store=store)) as hitl:
        for number in range(storm.runs):
            run = await hitl.start({"ledger": str(ledger), "number": number})
            await hitl.respond(run.pending[0].approve(by="reviewer"))
        killed(lambda: clerk("payer", store, folder), ledger, storm)
        asked = 0
        with clerk("payer", store, folder):
            give_up = time.monotonic() + PATIENCE
            while not await _settled(hitl, storm.runs):
                assert time.monotonic() < give_up, "the refunds did not end"
                asked += await _answered(hitl, ledger)
                await hitl.store.changed(timeout=0.2)
    return outcome("hitl-core", storm, ledger, asked)


async def _settled(hitl: Runtime, runs: int) -> bool:
    over = await hitl.runs(states=tuple(state for state in RunState if state.over), limit=runs)
    return len(over.items) == runs


async def _answered(hitl: Runtime, ledger: Path) -> int:
    page = await hitl.inbox(limit=1_000)
    for settled in page.items:
        number = int(settled.request.action.arguments["number"])  # type: ignore[arg-type]  # we have put a number there
        said = HAPPENED if paid(ledger)[number] else NOT_HAPPENED
        await hitl.respond(settled.request.choose(said.id, by="reviewer"))
    return len(page.items)


def by_hand(store: str, folder: Path, storm: Storm) -> Outcome:
    """By hand: what was in hands is done again."""
    ledger, approvals = folder / "by_hand.ledger", Approvals.open(store)
    for number in range(storm.runs):
        approvals.ask(str(number), {"ledger": str(ledger), "number": number})
        approvals.answer(str(number), "yes", "reviewer")
    killed(lambda: clerk("by_hand_payer", store, folder), ledger, storm)
    with clerk("by_hand_payer", store, folder):
        until(lambda: len(paid(ledger)) == storm.runs)
    approvals.close()
    return outcome("by hand", storm, ledger, 0)


def killed(start: Start, ledger: Path, storm: Storm) -> None:
    """One worker after the other, each killed a moment after its first effect."""
    chance = random.Random(storm.seed)
    for _ in range(storm.kills):
        before = paid(ledger).total()
        with start() as worker:
            give_up = time.monotonic() + PATIENCE
            while paid(ledger).total() == before:
                assert time.monotonic() < give_up, "a worker did nothing"
                time.sleep(0.001)
            time.sleep(chance.random() * LONGEST_LIFE)
            worker.kill()


def until(settled: Callable[[], bool]) -> None:
    """Raises AssertionError if that takes too long."""
    give_up = time.monotonic() + PATIENCE
    while not settled():
        assert time.monotonic() < give_up, "the refunds did not end"
        time.sleep(0.05)


def outcome(who: str, storm: Storm, ledger: Path, asked: int) -> Outcome:
    count = paid(ledger)
    twice = sum(times > 1 for times in count.values())
    return Outcome(who, storm.runs, storm.kills, twice, storm.runs - len(count), asked)
