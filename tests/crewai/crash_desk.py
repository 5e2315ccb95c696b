"""The desk that is killed: an AgentSpec with every kind of request, or a flow, a ledger, and a model that keeps a log.

The functions at the end are what its processes do; each takes only JSON, so that another process can be told.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hitl_core import AgentSpec, AppSource, ModelSpec, Policy, Run, Runtime, choice, current_call, question, tool
from hitl_core.clock import SystemClock
from hitl_core.config import Config, make_adapter, open_store
from hitl_core.contracts import Store
from hitl_core.gate import HAPPENED, NOT_HAPPENED, Surroundings
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import Kind, PauseRequest, Response, RunState
from hitl_core.runtime import Settings
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, die
from hitl_core.testing.scripted_model import CallEntry, Script, Step, read_calls, repeated_calls
from hitl_core.tools import Catalogue

from .desk import READS, calls, record, recorded

CRASH = "HITL_TEST_CRASH"
"""`before refund`, `after refund` or `model 2`: where a process kills itself, once."""

SCRIPT = Script.of(
    calls(
        ("look_up", {"order": "A"}),
        ("refund", {"order": "A", "amount": 12}),
        ("ask_lead", {"question": "Is that all right?"}),
    ),
    calls(("choose_carrier", {"question": "Who picks it up?"})),
    Step(say="done {{tool_result}}"),
)
DONE = {"answer": "done courier"}


def _crash(place: str) -> None:
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
    _crash("before refund")
    record("refund", order=order, amount=amount, key=current_call().key)
    _crash("after refund")
    return f"paid {amount}"


ask_lead = question("ask_lead", "Ask the lead")
choose_carrier = choice("choose_carrier", "Choose who picks it up", ["post", "courier"])


def spec(url: str) -> AgentSpec:
    return AgentSpec("desk", "You are a desk.", (look_up, refund, ask_lead, choose_carrier), ModelSpec("m", url))


@dataclass
class CrashDesk:
    """One folder and one model, shared by processes that come and go."""

    folder: str
    url: str
    log: str
    order: str = "A"
    app: str = "spec"

    @asynccontextmanager
    async def open(self, wrap: Callable[[Store], Any] = lambda store: store) -> AsyncIterator[Runtime]:
        """As `connect`, with the store wrapped."""
        config = Config(
            backend="crewai",
            app=AppSource("desk:app", self._app()),
            store_url="sqlite:///store.db",
            policy=Policy.from_toml(READS, name="test"),
            folder=Path(self.folder),
        )
        clock, catalogue = SystemClock(), Catalogue()
        adapter = make_adapter(config, catalogue)
        store = wrap(await open_store(config, clock))
        around = Surroundings(store=store, policy=lambda: config.policy, clock=clock, catalogue=catalogue)
        async with Runtime(adapter=adapter, around=around, settings=Settings(app=config.app.reference)) as hitl:
            yield hitl

    def _app(self) -> Any:
        if self.app == "spec":
            return spec(self.url)
        from . import flows

        return getattr(flows, self.app)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def refunds(self) -> list[Any]:
        return [each["amount"] for each in recorded() if each["effect"] == "refund"]

    @property
    def lookups(self) -> int:
        return sum(each["effect"] == "look_up" for each in recorded())

    @property
    def calls(self) -> tuple[CallEntry, ...]:
        path = Path(self.log)
        return read_calls(path) if path.exists() else ()

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
            return request.choose(request.options[-1].id, by="ann")
        case Kind.REVIEW:
            return request.accept(by="ann")
        case _:
            return request.approve(by="ann")


def saying(how: str) -> Callable[[PauseRequest], Response]:
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
    async with CrashDesk(**desk).open() as hitl:
        await hitl.start({"order": "A"})
        die()


async def answers_and_dies(desk: dict[str, Any], how: str) -> None:
    async with CrashDesk(**desk).open() as hitl:
        for known in (await hitl.inbox()).items:
            await hitl.respond(saying(how)(known.request))
        die()


async def resumes_and_dies(desk: dict[str, Any]) -> None:
    async with CrashDesk(**desk).open() as hitl:
        await hitl.resume((await only_run(hitl)).id)
        die()


async def is_over(desk: dict[str, Any], output: Any) -> None:
    async with CrashDesk(**desk).open() as hitl:
        run = await only_run(hitl)
        assert (run.state, run.output) == (RunState.COMPLETED, output), run


async def goes_through(desk: dict[str, Any], crash: str = "") -> None:
    if crash:
        os.environ[CRASH] = crash
    at = CrashDesk(**desk)
    if crash.startswith("model"):
        _die_in_the_model(int(crash.split()[1]))
    async with at.open() as hitl:
        await go_through(hitl, truthfully, at.order)


def _die_in_the_model(nth: int) -> None:
    from crewai.llms.providers.openai.completion import OpenAICompletion

    inner, seen = OpenAICompletion._call_completions, 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += 1
        answer = inner(*args, **kwargs)
        if seen == nth:
            die()
        return answer

    OpenAICompletion._call_completions = dying  # type: ignore[method-assign]


async def rehearses(desk: dict[str, Any], found: str) -> None:
    """Go through it once, and write down every command to the store."""
    at, logs = CrashDesk(**desk), []

    def wrap(store: Any) -> Any:
        logs.append(CommandLog(store))
        return logs[-1]

    async with at.open(wrap) as hitl:
        await go_through(hitl, truthfully, at.order)
    written = "\n".join(logs[0].names)
    await asyncio.to_thread(Path(found).write_text, written)


async def dies_at(desk: dict[str, Any], command: str, when: Any, nth: int) -> None:
    at = CrashDesk(**desk)
    async with at.open(lambda store: CrashingStore(store, CrashPoint(command, when, nth))) as hitl:
        await go_through(hitl, truthfully, at.order)


async def recovers(desk: dict[str, Any], output: Any, once: list[str], again: int = 1) -> None:
    """In a new process: take up what is there, or start if nothing is; it comes to its end, each effect once."""
    at = CrashDesk(**desk)
    async with at.open() as hitl:
        runs = (await hitl.runs()).items
        if not runs:
            run = await go_through(hitl, truthfully, at.order)
        else:
            run = await go_on(hitl, await hitl.run(runs[0].id), truthfully)
        assert (run.state, run.output) == (RunState.COMPLETED, output), run
        states = {effect.state for effect in await hitl.effects(run.id)}
        assert states <= {ActionState.EXECUTED}, states
    for effect in once:
        happened = [each for each in recorded() if each["effect"] == effect]
        assert len(happened) == 1, (effect, recorded())
    assert at.repeated <= again, "only the model call in flight may be repeated"


async def settles_doubt(desk: dict[str, Any], said: str, told: str, happened: int) -> None:
    at = CrashDesk(**desk)
    async with at.open() as hitl:
        run = await hitl.resume((await only_run(hitl)).id)
        assert [(r.in_doubt, r.action.tool) for r in run.pending] == [(True, "refund")], run
        assert len(at.refunds) == happened
        await hitl.respond(run.pending[0].choose(said, by="ann"))
        run = await go_on(hitl, await hitl.resume(run.id), truthfully)
        assert run.state is RunState.COMPLETED, run
    bodies = [str((each.body or {}).get("messages")) for each in at.calls]
    assert any(told in each for each in bodies), bodies[-1]
