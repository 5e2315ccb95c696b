"""Scenario 8: whoever seals the trail is killed between the line and its seal.

A file seals in the transaction of what a line tells about; on PostgreSQL lines are raw at first, and a sealer follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from hitl_core.stores.postgres.engine import sealer
from hitl_core.stores.postgres.engine.engine import Engine
from hitl_core.stores.postgres.engine.trail import Trail
from hitl_core.stores.sqlite.engine import engine as sqlite_engine
from hitl_core.testing.crashing import die
from hitl_core.testing.processes import Order, Processes
from tests.core.stores.world import World
from tests.faults.checker import faults, left
from tests.faults.diary import Diary
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario

pytestmark = pytest.mark.processes
AT_MOST = 200
"""Runs that the process opens before it gives up waiting for its death."""

PLACES: dict[str, tuple[Any, str]] = {
    "the chain (sqlite)": (sqlite_engine, "seal"),
    "the anchor (sqlite)": (sqlite_engine, "remember"),
    "a pass of the sealer": (sealer.Sealer, "_pass"),
    "the end of the trail": (Trail, "tip"),
    "the chain": (Trail, "some"),
    "the sealing": (Engine, "_seal"),
}


async def writes(place: list[str], what: str, when: str, nth: int) -> None:
    """Open runs that pause, each written down when it is acknowledged; be killed where a line is sealed."""
    at = Place.of(place)
    owner, name = PLACES[what]
    setattr(owner, name, _dying(getattr(owner, name), when, nth))
    acknowledged = Diary(at.folder / "runs.jsonl")
    world = World(await at.store())
    for _ in range(AT_MOST):
        run, _ = await world.paused()
        acknowledged.write(run=run.id)
        await world.store.changed(timeout=0.02)


def _dying(inner: Callable[..., Any], when: str, nth: int) -> Callable[..., Any]:
    seen = [0]

    def dying(*args: Any, **how: Any) -> Any:
        seen[0] += 1
        if when == "before" and seen[0] == nth:
            die()
        result = inner(*args, **how)
        if when == "after" and seen[0] == nth:
            die()
        return result

    return dying


@scenario(8)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", PLACES)
async def test_the_sealer_is_killed(what: str, when: str, processes: Processes, request: pytest.FixtureRequest) -> None:
    """Fails if `_seal` (postgres engine) deletes raw lines in another transaction than the one that seals them, or if
    nobody looks for those that a dead process has left (`Engine.finish`, `Sealer.rouse`)."""
    place: Place = request.getfixturevalue("on_sqlite" if what.endswith("(sqlite)") else "on_postgres")
    for nth in range(1, many(2, full=8) + 1):
        ended = processes.run(Order.of(writes, place=place.told, what=what, when=when, nth=nth))
        assert ended.killed, ended
    store = await place.store()
    await World(store).open()
    await store.close()
    found = await left(place)
    acknowledged = {line["run"] for line in Diary(place.folder / "runs.jsonl").lines}
    assert acknowledged <= {run.id for run in found.runs}
    assert [entry.seq for entry in found.audit] == list(range(1, len(found.audit) + 1)), "no gap, and nothing twice"
    assert faults(found) == []


@scenario(8)
async def test_another_process_seals_what_a_killed_one_has_left(on_postgres: Place, processes: Processes) -> None:
    """Fails if a sealer looks only at the lines of its own process."""
    ended = processes.run(Order.of(writes, place=on_postgres.told, what="a pass of the sealer", when="before", nth=1))
    assert ended.killed
    raw, sealed = lines(on_postgres)
    assert (raw > 0, sealed) == (True, 0)
    store = await on_postgres.store()
    await World(store).open()
    await store.close()
    assert lines(on_postgres) == (0, raw + 1)
    assert faults(await left(on_postgres)) == []


def lines(place: Place) -> tuple[int, int]:
    """How many are raw, and how many sealed."""
    with psycopg.connect(place.url) as server:
        counted = [server.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("hitl_raw", "hitl_audit")]
    raw, sealed = (int(row[0]) for row in counted if row is not None)
    return raw, sealed
