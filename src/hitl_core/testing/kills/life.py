"""One process of a run that is killed: it takes up what it finds, and works and answers as far as it is let."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ...clock import SystemClock
from ...config import Config, make_adapter, open_store
from ...contracts import Store
from ...gate import Surroundings
from ...policy import Policy
from ...protocol import Run, RunState
from ...runtime import Runtime, Settings
from ...tools import Catalogue
from ..conformance import Kit, Stage
from ..conformance.elsewhere import warm_up
from ..conformance.world import Parts
from ..crashing import CommandLog, CrashingStore, CrashPoint
from ..databases import A_FILE
from ..processes import named
from .stories import POLICY, STORIES, Story

OVER: Final = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)
MOST_ROUNDS: Final = 30
ALONE: Final = "alone"
"""The name of the model that apps without a model ask what to do (`Stage.think`)."""

PID: Final = "pid"


class AskingStage(Stage):
    """A stage whose `think` asks the scripted model, so that apps without one of their own leave a call, too."""

    def think(self, turn: str) -> None:
        body = {"model": ALONE, "messages": [{"role": "user", "content": turn}]}
        headers = {"Content-Type": "application/json"}
        url = f"{self.model_url}/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310  # our own model
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # as above
            answer.read()


@dataclass(frozen=True)
class Desk:
    """What all processes of one run share: a folder and a store. The model's address changes with each of them."""

    kit: Kit
    folder: Path
    story: Story
    model_url: str
    parts: Parts
    store_url: str

    @property
    def stage(self) -> Stage:
        return AskingStage(self.folder, self.model_url, self.store_url)

    def happened(self, key: str) -> bool:
        """Whether the ledger has the effect of this call."""
        return any(line["key"] == key for line in self.stage.happened())

    def config(self) -> Config:
        return Config(
            backend=self.kit.backend,
            app=self.kit.app(self.story.scene, self.stage),
            store_url=self.store_url,
            policy=Policy.from_toml(POLICY),
            options=self.kit.options(self.stage),
            folder=self.folder,
        )

    @asynccontextmanager
    async def open(self, wrap: Callable[[Store], Store] = lambda store: store) -> AsyncIterator[Runtime]:
        """As `connect`, with the store wrapped."""
        config, catalogue, clock = self.config(), Catalogue(), SystemClock()
        store = wrap(self.parts.store(await open_store(config, clock)))
        around = Surroundings(store=store, policy=lambda: config.policy, clock=clock, catalogue=catalogue)
        adapter = self.parts.adapter(make_adapter(config, catalogue))
        async with self.parts.runtime(adapter=adapter, around=around, settings=Settings(config.app.reference)) as hitl:
            yield hitl

    async def lived(self, role: str, hitl: Runtime) -> str:
        """Start or take up the one run, and bring it as far as the role goes; the state in which it is left."""
        run = await self._found(hitl)
        for _ in range(MOST_ROUNDS):
            if run.state in OVER or (role == "works" and run.pending):
                return run.state.value
            if role != "works":
                for request in run.pending:
                    await hitl.respond(self.story.truthfully(request, self.happened))
            if role == "answers" and run.pending:
                return run.state.value
            run = await hitl.resume(run.id)
        raise AssertionError(f"run {run.id} does not come to an end: {run}")

    async def _found(self, hitl: Runtime) -> Run:
        runs = (await hitl.runs()).items
        return await (hitl.run(runs[0].id) if runs else hitl.start("This is the run."))


def desk(kit: str, folder: str, story: str, model_url: str, parts: str = "", store_url: str = A_FILE) -> Desk:
    """A desk as another process is told of it."""
    chosen = cast("Parts", named(parts)) if parts else Parts()
    return Desk(named(kit)(), Path(folder), STORIES[story], model_url, chosen, store_url)


# ── what the processes do ────────────────────────────────────────────────────────────────────────────────────


def get_warm(kit: str) -> None:
    """Import, once, all that the children need."""
    warm_up(named(kit)())


async def live(role: str, crash: list[Any] | None, **shared: str) -> str:
    """One life; `crash` is the command to the store at which it ends: name, when, nth."""
    at = desk(**shared)
    await asyncio.to_thread((at.folder / PID).write_text, str(os.getpid()))
    point = CrashPoint(*crash) if crash else None
    async with at.open(lambda store: CrashingStore(store, point)) as hitl:
        return await at.lived(role, hitl)


async def rehearse(**shared: str) -> dict[str, Any]:
    """A whole run in one process, undisturbed: its commands, and how long it took."""
    logs: list[CommandLog] = []

    def logged(store: Store) -> Store:
        logs.append(CommandLog(store))
        return logs[-1]

    at, begun = desk(**shared), time.monotonic()
    async with at.open(logged) as hitl:
        state = await at.lived("all", hitl)
    return {"state": state, "commands": logs[0].names, "seconds": time.monotonic() - begun}
