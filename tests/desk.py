"""A desk where the apps of one framework run under the real runtime and store; every step opens both anew.

desk.start(…) ──► run with requests ──► desk.answer(run, …) ──► run …       desk.effects: what really happened

Each adapter's tests have a `desk.py` with what is theirs: how the app is made, and what their tests look at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from hitl_core import AppSource, Policy, Run, Runtime, connect
from hitl_core.config import Config
from hitl_core.contracts import Clock
from hitl_core.protocol import Json, Response

from .ledger import recorded
from .people import Says

READS = '[[rules]]\nid = "reads"\nwhy = "changes nothing"\nmatch = { tool = "look_up" }\nlevel = "autonomous"\n'
ALL_GO = '[[rules]]\nid = "all"\nwhy = "a test"\nmatch = { tool = { glob = "*" } }\nlevel = "autonomous"\n'
ALL_GO_AND_BACK = ALL_GO + 'allow_irreversible = "a test"\n'
"""The undo of a tool too, which nobody can take back."""


@dataclass
class Desk:
    """One app with a folder for its store. Nothing is kept between two calls but files."""

    backend: ClassVar[str]
    first: ClassVar[Json] = "go"
    """What a run starts from if a test does not say."""

    app: Any
    folder: Path
    _: KW_ONLY
    policy: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock | None = None
    reference: str = "desk:app"
    lease: float = 30.0
    harmless: tuple[str, ...] = ("look_up", "slow")
    undo: dict[str, Any] = field(default_factory=dict)

    def target(self) -> Any:
        """The app as its author would name it in hitl.toml."""
        return self.app

    def config(self) -> Config:
        return Config(
            backend=self.backend,
            app=AppSource(self.reference, self.target()),
            store_url="sqlite:///store.db",
            policy=Policy.from_toml(self.policy, name="test") if self.policy else Policy([]),
            options=self.options,
            tools={
                **{name: {"reversible": True} for name in self.harmless},
                **{name: {"undo": undo} for name, undo in self.undo.items()},
            },
            folder=self.folder,
            lease_seconds=self.lease,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Runtime]:
        async with connect(self.config(), clock=self.clock) as hitl:
            yield hitl

    async def start(self, input: object = None, **how: Any) -> Run:
        async with self.open() as hitl:
            return await hitl.start(self.first if input is None else input, **how)

    async def say(self, *responses: Response) -> None:
        async with self.open() as hitl:
            for response in responses:
                await hitl.respond(response)

    async def resume(self, run: Run, **how: Any) -> Run:
        async with self.open() as hitl:
            return await hitl.resume(run.id, **how)

    async def answer(self, run: Run, *said: Says) -> Run:
        """Answer the pending requests in order, each through a store of its own, and resume through yet another."""
        for request, response in zip(run.pending, said, strict=True):
            await self.say(response(request))
        return await self.resume(run)

    async def look(self, run: Run) -> Run:
        async with self.open() as hitl:
            return await hitl.run(run.id)

    @property
    def effects(self) -> list[str]:
        return [each["effect"] for each in recorded()]
