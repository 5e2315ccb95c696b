"""A desk where agents run under the real runtime, store and HTTP model; every step opens the first two anew.

desk.start(…) ──► run with requests ──► desk.answer(run, …) ──► run …    desk.effects, desk.calls: what really happened
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents import OpenAIChatCompletionsModel
from openai import AsyncOpenAI

from hitl_core import AppSource, Policy, Run, Runtime, connect
from hitl_core.config import Config
from hitl_core.contracts import Clock
from hitl_core.protocol import Json, PauseRequest, Response
from hitl_core.testing.scripted_model import CallEntry, ScriptedModel, repeated_calls

LEDGER = "HITL_TEST_LEDGER"
"""Names the file of effects: an environment variable, so that forked processes and worker threads share it."""

READS = '[[rules]]\nid = "reads"\nwhy = "changes nothing"\nmatch = { tool = "look_up" }\nlevel = "autonomous"\n'


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


def chat_model(url: str) -> OpenAIChatCompletionsModel:
    """The SDK's own client for the model at `url`."""
    return OpenAIChatCompletionsModel(model="m", openai_client=AsyncOpenAI(api_key="test", base_url=url))


@dataclass
class Desk:
    """One app with a folder for its store. Nothing is kept between two calls but its file and the model's log."""

    app: Callable[[str], Any]
    """The model's address → an agent, an AgentApp, a context manager of one, or an AgentSpec."""
    folder: Path
    model: ScriptedModel
    policy: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock | None = None
    lease: float = 30.0
    harmless: tuple[str, ...] = ("look_up",)

    def config(self) -> Config:
        return Config(
            backend="openai_agents",
            app=AppSource("desk:app", self.app(self.model.base_url)),
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
        """Answer the pending requests in order, one runtime each, and resume in yet another."""
        for request, response in zip(run.pending, said, strict=True):
            await self.say(response(request))
        return await self.resume(run)

    @property
    def effects(self) -> list[str]:
        return [each["effect"] for each in recorded()]

    @property
    def calls(self) -> tuple[CallEntry, ...]:
        return self.model.calls

    @property
    def asked(self) -> tuple[int, int]:
        """How many calls the model got, and how many of them it had got before."""
        return len(self.calls), sum(len(group) - 1 for group in repeated_calls(self.calls))

    @property
    def last(self) -> list[dict[str, Any]]:
        """The messages of the last request that the model got."""
        body: Any = self.calls[-1].body
        return list(body["messages"])

    def heard(self, role: str = "tool") -> list[str]:
        """The texts of one role in the last request that the model got."""
        return [str(each["content"]) for each in self.last if each["role"] == role]


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
