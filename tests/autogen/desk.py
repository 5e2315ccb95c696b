"""A desk where agents and teams run under the real runtime and the real SQLite store; every step opens both anew.

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

from hitl_core import AppSource, Policy, Run, Runtime, connect
from hitl_core.config import Config
from hitl_core.contracts import Clock
from hitl_core.protocol import Json, PauseRequest, Response

LEDGER = "HITL_TEST_LEDGER"
"""Names the file of effects: an environment variable, so that forked processes and worker threads share it."""

READS = '[[rules]]\nid = "reads"\nwhy = "changes nothing"\nmatch = { tool = "look_up" }\nlevel = "autonomous"\n'
ALL_GO = '[[rules]]\nid = "all"\nwhy = "a test"\nmatch = { tool = { glob = "*" } }\nlevel = "autonomous"\n'


def record(effect: str, **details: Json) -> None:
    """What an app under test does to the world: one whole line, however many processes write."""
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
    """One app with a folder for its store. Nothing is kept between two calls but these files."""

    app: Any
    folder: Path
    policy: str = READS
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock | None = None
    reference: str = "desk:app"
    lease: float = 30.0
    harmless: tuple[str, ...] = ("look_up", "slow")

    def config(self) -> Config:
        return Config(
            backend="autogen",
            app=AppSource(self.reference, self.app),
            store_url="sqlite:///store.db",
            policy=Policy.from_toml(self.policy, name="test") if self.policy else Policy([]),
            options=self.options,
            tools={name: {"reversible": True} for name in self.harmless},
            folder=self.folder,
            lease_seconds=self.lease,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Runtime]:
        async with connect(self.config(), clock=self.clock) as hitl:
            yield hitl

    async def start(self, input: object = "go", **how: Any) -> Run:
        async with self.open() as hitl:
            return await hitl.start(input, **how)

    async def say(self, *responses: Response) -> None:
        async with self.open() as hitl:
            for response in responses:
                await hitl.respond(response)

    async def resume(self, run: Run, **how: Any) -> Run:
        async with self.open() as hitl:
            return await hitl.resume(run.id, **how)

    async def answer(self, run: Run, *said: Callable[[PauseRequest], Response]) -> Run:
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


def accepting(request: PauseRequest) -> Response:
    return request.accept(by="ann")


def revising(feedback: str) -> Callable[[PauseRequest], Response]:
    return lambda request: request.revise(feedback, by="ann")


def taking_over(text: str) -> Callable[[PauseRequest], Response]:
    return lambda request: _floor(request, type="take_over", text=text)


def handing_back(text: str = "", to: str | None = None) -> Callable[[PauseRequest], Response]:
    return lambda request: _floor(request, type="hand_back", text=text, to=to)


def _floor(request: PauseRequest, **decision: Any) -> Response:
    from hitl_core.protocol.response import decision_of

    return Response.to(request, decision_of(decision), by="ann")
