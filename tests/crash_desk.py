"""The desk that is killed, on any backend: an agent with every kind of request, a ledger, and a model that keeps a log.

The functions at the end are what its processes do; each takes only JSON, so that another process can be told.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from hitl_core import AgentSpec, AppSource, ModelSpec, Policy, Run, Runtime, choice, current_call, question, tool
from hitl_core.clock import SystemClock
from hitl_core.config import Config, make_adapter, open_store
from hitl_core.contracts import Store
from hitl_core.gate import ABORT, HAPPENED, NOT_HAPPENED, Surroundings
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import Kind, PauseRequest, Response, RunState
from hitl_core.runtime import Settings
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, die
from hitl_core.testing.processes import named
from hitl_core.testing.scripted_model import Call, CallEntry, Script, Step, read_calls, repeated_calls
from hitl_core.tools import Catalogue

from .desk import READS
from .ledger import LEDGER, record, recorded
from .people import Says

CRASH: Final = "HITL_TEST_CRASH"
"""`before refund`, `after refund` …: where a tool kills its own process."""

CALLS: Final = (
    Call(name="look_up", arguments={"order": "A"}),
    Call(name="refund", arguments={"order": "A", "amount": 12}),
    Call(name="ask_lead", arguments={"question": "Is that all right?"}),
)
SCRIPT: Final = Script.of(
    Step(call=CALLS),
    Step(call=(Call(name="choose_carrier", arguments={"question": "Who picks it up?"}),)),
    Step(say="done {{tool_result}}"),
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
TOOLS: Final = (look_up, refund, ask_lead, choose_carrier)
OPTIONS: Final[dict[str, dict[str, Any]]] = {"langgraph": {"checkpointer": "sqlite:///threads.db"}}
"""What a backend needs in order to outlive a process."""


def spec(url: str) -> AgentSpec:
    return AgentSpec("desk", "You are a desk.", TOOLS, ModelSpec("m", url))


@dataclass
class CrashDesk:
    """One folder and one model, shared by processes that come and go. `app`: the model's address → the app."""

    backend: str
    folder: Path
    url: str
    log: Path
    app: Callable[[str], Any] = spec
    order: str = "A"

    @asynccontextmanager
    async def open(self, wrap: Callable[[Store], Any] = lambda store: store, **settings: Any) -> AsyncIterator[Runtime]:
        """As `connect`, with the store wrapped, and more settings of the runtime."""
        config, clock, catalogue = self.config(), SystemClock(), Catalogue(TOOLS)
        adapter = make_adapter(config, catalogue)
        store = wrap(await open_store(config, clock))
        around = Surroundings(store=store, policy=lambda: config.policy, clock=clock, catalogue=catalogue)
        how = Settings(app=config.app.reference, **settings)
        async with Runtime(adapter=adapter, around=around, settings=how) as hitl:
            yield hitl

    def config(self) -> Config:
        return Config(
            backend=self.backend,
            app=AppSource("desk:app", self.app(self.url), folder=self.folder),
            store_url="sqlite:///store.db",
            policy=Policy.from_toml(READS, name="test"),
            options=OPTIONS.get(self.backend, {}),
            folder=self.folder,
        )

    def to_json(self) -> dict[str, Any]:
        """How another process is told of it."""
        app = f"{self.app.__module__}:{self.app.__qualname__}"
        paths = {"folder": str(self.folder), "log": str(self.log)}
        return {"backend": self.backend, "url": self.url, "app": app, "order": self.order, **paths}

    @classmethod
    def of(cls, told: dict[str, Any]) -> CrashDesk:
        paths = {name: Path(told[name]) for name in ("folder", "log")}
        return cls(**{**told, **paths, "app": named(told["app"])})

    def somewhere_else(self, name: str) -> CrashDesk:
        """The same desk with an order, a store and a ledger of its own; another order makes other model calls."""
        folder = self.folder / name
        folder.mkdir()
        return replace(self, folder=folder, order=name)

    def writes_its_own_ledger(self) -> None:
        os.environ[LEDGER] = str(self.folder / "ledger.jsonl")

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


async def go_through(hitl: Runtime, say: Says, order: str = "A") -> Run:
    """Start, answer and resume until it is over, in one process."""
    return await go_on(hitl, await hitl.start({"order": order}), say)


async def go_on(hitl: Runtime, run: Run, say: Says) -> Run:
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
            return request.choose(request.options[-1].id, by="ann")
        case Kind.REVIEW:
            return request.accept(by="ann")
        case _:
            return request.approve(by="ann")


def saying(how: str) -> Says:
    """A person who says this about refunds."""

    def say(request: PauseRequest) -> Response:
        if request.action.tool != "refund":
            return truthfully(request)
        match how:
            case "edit":
                return request.edit({"order": "A", "amount": 7.5}, by="ann")
            case "reject":
                return request.reject("no", by="ann")
            case "respond":
                return request.answer("paid by hand", by="ann")
            case _:
                return request.approve(by="ann")

    return say


# ── what a process does ──────────────────────────────────────────────────────────────────────────────────────


async def starts_and_dies(desk: dict[str, Any]) -> None:
    async with CrashDesk.of(desk).open() as hitl:
        await hitl.start({"order": "A"})
        die()


async def answers_and_dies(desk: dict[str, Any], how: str) -> None:
    async with CrashDesk.of(desk).open() as hitl:
        for known in (await hitl.inbox()).items:
            await hitl.respond(saying(how)(known.request))
        die()


async def resumes_and_dies(desk: dict[str, Any]) -> None:
    async with CrashDesk.of(desk).open() as hitl:
        await hitl.resume((await only_run(hitl)).id)
        die()


async def is_over(desk: dict[str, Any], answer: str) -> None:
    async with CrashDesk.of(desk).open() as hitl:
        assert_over(await only_run(hitl), answer)


async def goes_through(desk: dict[str, Any], crash: str = "") -> None:
    """Go through it, and die where a tool is told to."""
    os.environ[CRASH] = crash
    at = CrashDesk.of(desk)
    async with at.open() as hitl:
        await go_through(hitl, truthfully, at.order)


async def rehearses(desk: dict[str, Any]) -> list[str]:
    """Go through it once; every command that it gave to the store."""
    at, logs = CrashDesk.of(desk), []
    at.writes_its_own_ledger()

    def wrap(store: Any) -> Any:
        logs.append(CommandLog(store))
        return logs[-1]

    async with at.open(wrap) as hitl:
        await go_through(hitl, truthfully, at.order)
    return logs[0].names


async def dies_at(desk: dict[str, Any], command: str, when: Any, nth: int) -> None:
    at = CrashDesk.of(desk)
    at.writes_its_own_ledger()
    async with at.open(lambda store: CrashingStore(store, CrashPoint(command, when, nth))) as hitl:
        await go_through(hitl, truthfully, at.order)


async def recovers(desk: dict[str, Any], answer: str, once: list[str], apart: bool = True) -> None:
    """In a new process: take up what is there, or start if nothing is; it comes to its end, each effect once."""
    at = CrashDesk.of(desk)
    if apart:
        at.writes_its_own_ledger()
    async with at.open() as hitl:
        runs = (await hitl.runs()).items
        if not runs:
            run = await go_through(hitl, truthfully, at.order)
        else:
            run = await go_on(hitl, await hitl.run(runs[0].id), truthfully)
        assert_over(run, answer)
        states = {effect.state for effect in await hitl.effects(run.id)}
        assert states == {ActionState.EXECUTED}, states
    for effect in once:
        happened = [each for each in recorded() if each["effect"] == effect]
        assert len(happened) == 1, (effect, recorded())
    assert at.repeated <= 1, "only the model call in flight may be repeated"


async def settles_doubt(desk: dict[str, Any], said: str, told: str, happened: int) -> None:
    """Find the refund in doubt, say what has become of it, and come to the end."""
    at = CrashDesk.of(desk)
    async with at.open() as hitl:
        run = await hitl.resume((await only_run(hitl)).id)
        assert [(r.in_doubt, r.action.tool) for r in run.pending] == [(True, "refund")], run
        assert len(at.refunds) == happened
        await hitl.respond(run.pending[0].choose(said, by="ann"))
        run = await go_on(hitl, await hitl.resume(run.id), truthfully)
        assert run.state is RunState.COMPLETED, run
        (effect,) = [each for each in await hitl.effects(run.id) if each.action.tool == "refund"]
        assert said == ABORT.id or told in str(effect.result) + effect.error, effect
    bodies = [str((each.body or {}).get("messages")) for each in at.calls]
    assert any(told in each for each in bodies), bodies[-1]


def assert_over(run: Run, answer: str) -> None:
    """It is completed, and this is what it says."""
    said = run.output["answer"] if isinstance(run.output, dict) else run.output
    assert (run.state, said) == (RunState.COMPLETED, answer), run
