"""A claim reads indexes, however many runs of others wait: the planner is asked, with what it has counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hitl_core.commands import ClaimRuns, GetSlip, ListSlips, SlipKind, TakeSlips
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.server import PostgresLink
from hitl_core.stores.postgres.server.dialect import put
from hitl_core.stores.sql.commands import claims, slips
from hitl_core.stores.sql.tables import View
from hitl_core.testing.clock import START
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres

MANY = 10_000
_FILL = """WITH r AS (INSERT INTO hitl_runs (id, state, app, thread, created, updated, attempts, turns, fence, tries)
    SELECT decode(md5(n::text), 'hex'), 'paused', app, thread, 0, 0, 1, 1, 1, 0
    FROM hitl_runs, generate_series(1, %s) n WHERE key = 1 RETURNING app, key)
    INSERT INTO hitl_woken (app, run, at) SELECT app, key, 0 FROM r"""


class Explained(View):
    """A view that also asks the server how it reads, and how much that is."""

    def __init__(self, connection: psycopg.Connection[Any], *tables: str) -> None:
        super().__init__(PostgresLink(connection))
        self._tables = tables or ("hitl_woken", "hitl_runs")
        self.plans: list[dict[str, Any]] = []
        self.execute = self._explain

    def _explain(self, sql: str, given: tuple[Any, ...] = ()) -> Any:
        plan = psycopg.RawCursor(self.link.connection)  # type: ignore[attr-defined]  # that of PostgreSQL
        plan.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {put(sql)}", given)
        ((found,),) = plan.fetchall()
        (top,) = json.loads(found) if isinstance(found, str) else found
        self.plans += _steps(top["Plan"])
        return self.link.execute(sql, given)

    @property
    def read(self) -> float:
        """Rows that were read of the tables that grow."""
        mine = [step for step in self.plans if step.get("Relation Name") in self._tables]
        return float(sum(_rows(step) for step in mine))


def _rows(step: dict[str, Any]) -> Any:
    return (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"]


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _steps(below)


@pytest.mark.parametrize("claim", [ClaimRuns("w", 30, START, 4), ClaimRuns("w", 30, START, 4, versions=("2",))])
async def test_a_claim_reads_what_it_takes(url: str, tmp_path: Path, claim: ClaimRuns) -> None:
    store = await PostgresStore.open(url, folder=tmp_path)
    world = World(store)
    await world.paused()
    await world.pause(await world.open(app_version="2", tenant="small"))
    await store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL, (MANY,))
        connection.execute("ANALYZE")
        view = Explained(connection)
        taken = claims.claimable(view, claim)
    assert "small" in [row.tenant for row in taken]
    assert view.read <= 10 * len(taken) + 10, view.plans


_SLIPS: str = """WITH b AS (INSERT INTO hitl_bodies (digest, data) SELECT decode(md5('{}'), 'hex'), '{}'
    FROM generate_series(1, %s) RETURNING key)
    INSERT INTO hitl_slips (kind, name, created, tenant, person, subject, due, expires, used, body)
    SELECT 'held', md5(key::text), 0, 'default', 'p' || key %% 100, 'r' || key, 9e15, 9e15, NULL, key FROM b"""


async def test_slips_are_found_by_key_person_subject_and_time(url: str, tmp_path: Path) -> None:
    await (await PostgresStore.open(url, folder=tmp_path)).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SLIPS, (MANY,))
        connection.execute("ANALYZE")
        view = Explained(connection, "hitl_slips")
        slips.get_slip(view, GetSlip(SlipKind.HELD, "nowhere", START))
        slips.list_slips(view, ListSlips(SlipKind.HELD, START, limit=5))
        slips.list_slips(view, ListSlips(SlipKind.HELD, START, person="p7", limit=5))
        slips.list_slips(view, ListSlips(SlipKind.HELD, START, subject="r7", limit=5))
        slips.anything_due(view, TakeSlips(SlipKind.HELD, START, START))
    assert view.read <= 50, view.plans
