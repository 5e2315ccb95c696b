"""A desk where graphs run under the real runtime and the real SQLite store; every step opens both anew.

desk.start(…) ──► run with requests ──► desk.answer(run, …) ──► run …       desk.effects: what really happened
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from hitl_core import AppSource, Policy, Run, Runtime, connect
from hitl_core.config import Config
from hitl_core.contracts import Clock
from hitl_core.protocol import Json, PauseRequest, Response

GO: Json = {"messages": [["user", "go"]]}
"""The input of an agent."""

LEDGER = "HITL_TEST_LEDGER"
"""Names the file of effects: an environment variable, so that forked processes and worker threads share it."""

Build = Callable[[Any], Any]
"""saver → compiled graph"""


def record(effect: str, **details: Json) -> None:
    """What a graph under test does to the world: one whole line, however many processes write."""
    line = json.dumps({"effect": effect, **details}).encode() + b"\n"
    file = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def recorded() -> list[dict[str, Any]]:
    path = Path(os.environ[LEDGER])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass
class Desk:
    """One app with a folder for its store and its threads. Nothing is kept between two calls but these files."""

    build: Build
    folder: Path
    policy: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock | None = None
    reference: str = "desk:app"
    saver: Callable[[Path], Any] | None = None
    lease: float = 30.0
    harmless: tuple[str, ...] = ("look_up", "slow")

    def config(self) -> Config:
        return Config(
            backend="langgraph",
            app=AppSource(self.reference, self.app()),
            store_url="sqlite:///store.db",
            policy=Policy.from_toml(self.policy, name="test") if self.policy else Policy([]),
            options=self.options,
            tools={name: {"reversible": True} for name in self.harmless},
            folder=self.folder,
            lease_seconds=self.lease,
        )

    def app(self) -> Any:
        """The app factory as users write it: a context manager that opens its own saver."""

        @asynccontextmanager
        async def opened() -> AsyncIterator[Any]:
            make = self.saver or sqlite_saver
            async with make(self.folder) as saver:
                yield self.build(saver)

        return opened

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Runtime]:
        async with connect(self.config(), clock=self.clock) as hitl:
            yield hitl

    async def start(self, input: object = None, **how: Any) -> Run:
        async with self.open() as hitl:
            return await hitl.start({} if input is None else input, **how)

    async def say(self, *responses: Response) -> None:
        async with self.open() as hitl:
            for response in responses:
                await hitl.respond(response)

    async def resume(self, run: Run, **how: Any) -> Run:
        async with self.open() as hitl:
            return await hitl.resume(run.id, **how)

    async def answer(self, run: Run, *said: Callable[[PauseRequest], Response]) -> Run:
        """Answer the pending requests in order, one process each, and resume in yet another."""
        for request, response in zip(run.pending, said, strict=True):
            await self.say(response(request))
        return await self.resume(run)

    async def look(self, run: Run) -> Run:
        async with self.open() as hitl:
            return await hitl.run(run.id)

    @asynccontextmanager
    async def graph(self) -> AsyncIterator[Any]:
        """The graph itself, for what other people do to its threads."""
        async with self.app()() as graph:
            yield graph

    @property
    def effects(self) -> list[str]:
        return [each["effect"] for each in recorded()]


def advised(message: str, folder: Path) -> dict[str, Any]:
    """The options that come of writing the lines of a message into a hitl.toml, as somebody does who follows it."""
    start = message.index("[backend.options.codecs]")
    lines = message[start:].partition("\n\n")[0]
    file = folder / "hitl.toml"
    file.write_text(f'[backend]\nname = "langgraph"\napp = "desk:app"\n\n{lines}\n')
    return dict(Config.load(file).options)


def sqlite_saver(folder: Path) -> Any:
    return AsyncSqliteSaver.from_conn_string(str(folder / "threads.db"))


def thread(run: Run) -> dict[str, Any]:
    return {"configurable": {"thread_id": run.thread}}


# ── what people say ──────────────────────────────────────────────────────────────────────────────────────────


def approve(request: PauseRequest) -> Response:
    return request.approve(by="ann")


def reject(request: PauseRequest) -> Response:
    return request.reject("too risky", by="ann")


def answering(value: Json) -> Callable[[PauseRequest], Response]:
    return lambda request: request.answer(value, by="ann")


def editing(**changes: Json) -> Callable[[PauseRequest], Response]:
    return lambda request: request.edit({**request.action.arguments, **changes}, by="ann")


def choosing(option: str) -> Callable[[PauseRequest], Response]:
    return lambda request: request.choose(option, by="ann")
