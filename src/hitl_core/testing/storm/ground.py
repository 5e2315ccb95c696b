"""What all processes of a storm share: a folder, a store, the apps of the plays; and how each opens them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from random import random
from typing import Any, Final, Self, cast

from ...clock import SystemClock
from ...config import Config, make_adapter, open_store
from ...contracts import Store
from ...errors import StoreUnavailable
from ...gate import Surroundings
from ...policy import Policy
from ...protocol import Json
from ...runtime import Runtime, Settings
from ...tools import Catalogue
from ..conformance.stage import Stage
from ..conformance.world import Parts
from ..kills.life import AskingStage
from ..processes import named
from .history import History
from .scenes import PLAYS, POLICY

LEASE: Final = 4.0
"""Seconds that a worker holds a run without a sign of life: short, so that a frozen one loses it."""

SLOWEST: Final = 0.1
"""Seconds that a tool takes."""

LOOKS: Final = 0.3
"""Seconds after which anybody looks again who waits for nothing in particular."""

CALM: Final = "calm"
"""The name of a file: once it is there, nobody begins anything new, and what was begun is brought to its end."""


class SlowStage(AskingStage):
    """A stage whose tools take their time, so that somebody may be hit in the middle of one."""

    def _does(self, name: str, result: str, **arguments: Json) -> str:
        took = random() * SLOWEST  # noqa: S311  # a moment, not a secret
        time.sleep(took)
        done = super()._does(name, result, **arguments)
        time.sleep(SLOWEST - took)
        return done


@dataclass(frozen=True)
class Ground:
    """`models` has the address of each play's model. `parts` names other `Parts` than the true ones."""

    kit: str
    folder: str
    store_url: str
    models: dict[str, str]
    seed: int
    parts: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, ground: dict[str, Any]) -> Self:
        return cls(**ground)

    @property
    def home(self) -> Path:
        return Path(self.folder)

    @property
    def calm(self) -> bool:
        return (self.home / CALM).exists()

    @cached_property
    def history(self) -> History:
        return History(self.home)

    def stage(self, play: str = "") -> Stage:
        return SlowStage(self.home, self.models.get(play, ""), self.store_url)

    def config(self, play: str) -> Config:
        kit, stage = named(self.kit)(), self.stage(play)
        return Config(
            backend=kit.backend,
            app=kit.app(PLAYS[play].scene, stage),
            store_url=self.store_url,
            policy=Policy.from_toml(POLICY),
            options=kit.options(stage),
            folder=self.home,
        )

    @asynccontextmanager
    async def open(self, *plays: str) -> AsyncIterator[dict[str, Runtime]]:
        """The runtimes of these plays, on one store of this process. A server that is away is waited for."""
        store = await self._store(plays[0])
        async with AsyncExitStack() as stack:
            stack.push_async_callback(store.close)
            yield {each: await stack.enter_async_context(self._runtime(each, store)) for each in plays}

    async def _store(self, play: str) -> Store:
        clock = SystemClock()
        while True:
            try:
                return self._parts.store(await open_store(self.config(play), clock))
            except StoreUnavailable:
                await clock.sleep(LOOKS)

    def _runtime(self, play: str, store: Store) -> Runtime:
        config, catalogue, clock = self.config(play), Catalogue(), SystemClock()
        lent = cast("Store", _Lent(store))
        around = Surroundings(store=lent, policy=lambda: config.policy, clock=clock, catalogue=catalogue)
        adapter = self._parts.adapter(make_adapter(config, catalogue))
        settings = Settings(f"storm:{play}", lease_seconds=LEASE)
        return self._parts.runtime(adapter=adapter, around=around, settings=settings)

    @cached_property
    def _parts(self) -> Parts:
        return cast("Parts", named(self.parts)) if self.parts else Parts()


class _Lent:
    """A store that several runtimes of a process have: whoever opened it closes it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def close(self) -> None:
        """Nothing."""


def told_to_end() -> asyncio.Event:
    """Set when this process is told to end; until then it lives as long as it likes."""
    signal.alarm(0)  # no process of a storm has a time by which it must be done
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    return over
