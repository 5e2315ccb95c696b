"""The desk that is killed: an agent with every kind of request, a ledger, and a model that keeps a log."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hitl_core import AgentSpec, AppSource, ModelSpec, Policy, Run, Runtime, choice, current_call, question, tool
from hitl_core.clock import SystemClock
from hitl_core.config import Config, make_adapter, open_store
from hitl_core.contracts import Store
from hitl_core.gate import HAPPENED, NOT_HAPPENED, Surroundings
from hitl_core.protocol import Kind, PauseRequest, Response, RunState
from hitl_core.runtime import Settings
from hitl_core.testing.crashing import die
from hitl_core.testing.scripted_model import CallEntry, Script, read_calls, repeated_calls
from hitl_core.tools import Catalogue

from .desk import READS, record, recorded
from .specs import LOOK_UP, REFUND, calls, says

CRASH = "HITL_TEST_CRASH"
"""`before refund`, `after refund` …: where a tool kills its own process."""

SCRIPT = Script.of(
    calls(LOOK_UP, REFUND, ("ask_lead", {"question": "Is that all right?"})),
    calls(("choose_carrier", {"question": "Who picks it up?"})),
    says("done {{tool_result}}"),
)


def crash(place: str) -> None:
    if os.environ.get(CRASH) == place:
        die()


@tool(reversible=True)
def look_up(order: str) -> str:
    """Look at an order."""
    record("look_up", order=order)
    return f"{order} cost 12"


@tool
def refund(order: str, amount: float) -> str:
    """Pay back."""
    crash("before refund")
    record("refund", order=order, amount=amount, key=current_call().key)
    crash("after refund")
    return f"paid {amount}"


ask_lead = question("ask_lead", "Ask the lead")
choose_carrier = choice("choose_carrier", "Choose who picks it up", ["post", "courier"])


def spec(url: str) -> AgentSpec:
    return AgentSpec("desk", "You are a desk.", (look_up, refund, ask_lead, choose_carrier), ModelSpec("m", url))


@dataclass
class CrashDesk:
    """One folder and one model, shared by processes that come and go."""

    folder: Path
    url: str
    log: Path
    app: Callable[[str], Any] = spec
    wrap: Callable[[Store], Any] = lambda store: store
    order: str = "A"

    def config(self) -> Config:
        return Config(
            backend="openai_agents",
            app=AppSource("desk:app", self.app(self.url)),
            store_url="sqlite:///store.db",
            policy=Policy.from_toml(READS, name="test"),
            folder=self.folder,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Runtime]:
        """As `connect`, with the store wrapped."""
        config, clock, catalogue = self.config(), SystemClock(), Catalogue()
        adapter = make_adapter(config, catalogue)
        store = self.wrap(await open_store(config, clock))
        around = Surroundings(store=store, policy=lambda: config.policy, clock=clock, catalogue=catalogue)
        async with Runtime(adapter=adapter, around=around, settings=Settings(app=config.app.reference)) as hitl:
            yield hitl

    def wrapped(self, wrap: Callable[[Store], Any]) -> CrashDesk:
        return replace(self, wrap=wrap)

    @property
    def refunds(self) -> list[Any]:
        return [each["amount"] for each in recorded() if each["effect"] == "refund"]

    @property
    def lookups(self) -> int:
        return sum(each["effect"] == "look_up" for each in recorded())

    @property
    def calls(self) -> tuple[CallEntry, ...]:
        return read_calls(self.log) if self.log.exists() else ()

    @property
    def repeated(self) -> int:
        """How many model calls about this desk's order were answered more than once, for every time too many."""
        own = [each for each in self.calls if self.order in str((each.body or {}).get("messages"))]
        return sum(len(group) - 1 for group in repeated_calls(own))


async def go_through(hitl: Runtime, say: Callable[[PauseRequest], Response], order: str = "A") -> Run:
    """Start, answer and resume until it is over, in one process. Another order makes other model calls."""
    return await go_on(hitl, await hitl.start({"order": order}), say)


async def go_on(hitl: Runtime, run: Run, say: Callable[[PauseRequest], Response]) -> Run:
    for _ in range(12):
        for request in run.pending:
            await hitl.respond(say(request))
        run = await hitl.resume(run.id)
        if run.state in (RunState.COMPLETED, RunState.FAILED):
            return run
    raise AssertionError(f"run {run.id} does not come to an end: {run}")


async def only_run(hitl: Runtime) -> Run:
    (run,) = (await hitl.runs()).items
    return await hitl.run(run.id)


def truthfully(request: PauseRequest) -> Response:
    """Approve everything; of what is in doubt say what the ledger says."""
    if request.in_doubt:
        happened = any(each["effect"] == request.action.tool for each in recorded())
        return request.choose((HAPPENED if happened else NOT_HAPPENED).id, by="ann")
    match request.kind:
        case Kind.INPUT:
            return request.answer("yes, it is", by="ann")
        case Kind.CHOICE:
            return request.choose("courier", by="ann")
        case _:
            return request.approve(by="ann")
