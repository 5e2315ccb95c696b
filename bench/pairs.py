"""One app twice, raw and through us, taking turns: what a cycle costs, and what is kept meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from hitl_core import AppSource, Config, Policy, Run, Runtime

from .yardsticks import Figure, median, microseconds, timing

WARM_UP = 3

Cycle = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds per cycle: raw, through us, and of the latter in the adapter's turns and in our store.

    `raw_cpu` and `our_cpu` are of this process alone: a busy machine moves them least.
    """

    raw: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    raw_cpu: list[float] = field(default_factory=list)
    our_cpu: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    store: list[float] = field(default_factory=list)


def config(backend: str, app: Any, folder: Path, *, store: str = "", policy: Policy | None = None) -> Config:
    """An app under us with a store in a file of its own: if no policy is given, every tool is asked about."""
    url = store or f"sqlite:///{uuid4().hex}.db"
    source = AppSource(f"bench:{backend}", app)
    return Config(backend=backend, app=source, store_url=url, policy=policy or Policy([]), folder=folder)


async def our_cycle(hitl: Runtime, given: object) -> Run:
    """Start, pause, an approval, and the rest, in one process: what an application does that holds a runtime."""
    run = await hitl.start(given)
    await hitl.respond(run.pending[0].approve(by="reviewer"))
    run = await hitl.wait(run.id)
    assert run.state == "completed", run.error
    return run


def rounds_at(messages: int, rounds: int) -> int:
    """Long conversations take long and vary little: fewer rounds for them."""
    return rounds if messages <= 100 else max(3, rounds // 4)


async def taking_turns(raw: Cycle, hitl: Runtime, ours: Cycle, rounds: int, drive: tuple[type[Any], str]) -> Spent:
    """Seconds of `rounds` cycles of both; `drive` is the method in which ours is in the adapter's hands."""
    spent = Spent()
    await hitl.attach()
    for _ in range(WARM_UP):
        await raw()
        await ours()
    with timing(*drive) as in_turns, timing(type(hitl.store), "apply") as in_store:
        for _ in range(rounds):
            in_turns.clear()
            in_store.clear()
            begun, worked = time.perf_counter(), time.process_time()
            await raw()
            between, ours_from = time.perf_counter(), time.process_time()
            await ours()
            spent.raw.append(between - begun)
            spent.ours.append(time.perf_counter() - between)
            spent.raw_cpu.append(ours_from - worked)
            spent.our_cpu.append(time.process_time() - ours_from)
            spent.turns.append(sum(in_turns))
            spent.store.append(sum(in_store))
    return spent


def compared(where: str, spent: Spent, *, against: str, goal: float, turns: str) -> Iterator[Figure]:
    """A cycle of ours against a raw one, and what ours is made of."""
    raw, ours = median(spent.raw), median(spent.ours)
    against = f"{against} {microseconds(raw)}"
    yield Figure(f"pause + resume, {where}", microseconds(ours), against, ours / raw, goal)
    raw_cpu, our_cpu = median(spent.raw_cpu), median(spent.our_cpu)
    yield Figure(f"… {where}: CPU", microseconds(our_cpu), f"its CPU {microseconds(raw_cpu)}", our_cpu / raw_cpu)
    for what, part in ((turns, spent.turns), ("our transactions", spent.store)):
        yield Figure(f"… {where}: {what}", microseconds(median(part)), against, median(part) / raw)


def sizes(where: str, ours: int, own: int, *, against: str) -> Figure:
    """Bytes that our store keeps of a paused run, against what the framework's own state has."""
    return Figure(f"stored while paused, {where}", f"{ours:,} B", f"{against} {own:,} B", ours / own)


def stored(hitl: Runtime, run: Run) -> int:
    """Bytes in our file that a paused run goes on from: its input, its checkpoint and its journal, as stored."""
    file = hitl.store._location.path  # type: ignore[attr-defined]  # a bench looks into the file that it measures
    with sqlite3.connect(file) as connection:
        (found,) = connection.execute(KEPT, (bytes.fromhex(run.id.replace("-", "")),)).fetchone()
    connection.close()
    return int(found)


KEPT = """SELECT SUM(length(b.data)) FROM hitl_runs r JOIN hitl_bodies b ON b.key IN (r.input, r.checkpoint)
    OR b.key IN (SELECT body FROM hitl_journal WHERE run = r.key) WHERE r.id = ?"""
