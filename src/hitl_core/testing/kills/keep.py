"""What is left of a run: read from the store, the audit trail and the ledger, when nobody writes any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ...apps import AppSource
from ...audit import verify
from ...clock import SystemClock
from ...commands import Effect, GetRun, ListEffects, ListRequests, ListRuns, ReadAudit, Settled
from ...config import Config, open_store
from ...contracts import every
from ...lifecycle import RequestState
from ...policy import Policy
from ...protocol import Run
from ..conformance.kit import REFERENCE, spec_of
from ..conformance.stage import Stage
from .check import Evidence
from .stories import POLICY, Story


async def kept(folder: Path, story: Story, store_url: str) -> Evidence:
    """What the store and the ledger say of a run. Nobody may be writing."""
    stage, clock = Stage(folder, store_url=store_url), SystemClock()
    app = AppSource(REFERENCE, spec_of(story.scene, stage))
    config = Config("", app=app, store_url=store_url, policy=Policy.from_toml(POLICY), folder=folder)
    store = cast("Any", await open_store(config, clock))
    try:
        runs = await _runs(store)
        return Evidence(
            story=story,
            runs=runs,
            ledger=tuple(stage.happened()),
            lives=(),
            killed=(),
            effects=await _effects(store, runs),
            requests=await _requests(store, runs),
            audit=(await store.fetch(ReadAudit(limit=100_000))).items,
            audit_findings=tuple(map(str, (await verify(store, store.custody)).findings)),
        )
    finally:
        await store.close()


async def _runs(store: Any) -> tuple[Run, ...]:
    return tuple([await store.fetch(GetRun(run.id)) async for run in every(store, ListRuns())])


async def _effects(store: Any, runs: tuple[Run, ...]) -> tuple[Effect, ...]:
    return tuple([effect for run in runs for effect in await store.fetch(ListEffects(run.id))])


async def _requests(store: Any, runs: tuple[Run, ...]) -> tuple[Settled, ...]:
    asked = [ListRequests(tuple(RequestState), run_id=run.id) for run in runs]
    return tuple([settled for query in asked async for settled in every(store, query)])
