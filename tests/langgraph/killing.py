"""Stories that are killed at every boundary: a graph, what people say, and what must have happened in the end.

A story is rehearsed once, which gives its places: around each command to the store, each write of the saver and each
effect. Then it is told once more for each place, by a process that dies there, and ended by another one.
"""

from __future__ import annotations

import inspect
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hitl_core import Run, Runtime
from hitl_core.clock import SystemClock
from hitl_core.config import make_adapter, open_store
from hitl_core.gate import HAPPENED, NOT_HAPPENED, Surroundings
from hitl_core.protocol import Json, PauseRequest, Response, RunState
from hitl_core.runtime import Settings
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, die, points
from hitl_core.tools import Catalogue
from tests import ledger
from tests.forking import KILLED, child

from .desk import LEDGER, Desk, recorded, sqlite_saver

ENDS = (RunState.COMPLETED, RunState.FAILED)
TURN_ENDS = (
    *("before OpenRun", "before ClaimRuns", "after PauseRun"),
    *("before RecordResponse", "after RecordResponse", "after FinishRun"),
)
"""Places at which no turn is at work, so that nothing can have been cut off."""
IN_A_CALL = ("after BeginEffect", "before EndEffect")
"""Places between the two records of a call of the gate."""


@dataclass(frozen=True)
class Story:
    """`effects` are what must have happened, by name; `of_step` names the effect of a step that is asked about."""

    build: Callable[[Any], Any]
    input: Json
    say: Callable[[PauseRequest], Response]
    effects: dict[str, int]
    of_step: Callable[[PauseRequest], str] = lambda request: "paid"
    options: dict[str, Any] = field(default_factory=dict)
    policy: str = ""
    gated: bool = False
    saver: Callable[[Path], Any] = sqlite_saver
    saver_type: str = "langgraph.checkpoint.sqlite.aio:AsyncSqliteSaver"

    def at(self, folder: Path) -> Desk:
        """A desk with a folder and a ledger of its own."""
        folder.mkdir()
        os.environ[LEDGER] = str(folder / "ledger.jsonl")
        return Desk(self.build, folder, policy=self.policy, options=self.options, saver=self.saver)

    def happened(self) -> dict[str, int]:
        """How often each effect that counts is in the ledger."""
        return dict(Counter(each["effect"] for each in recorded() if each["effect"] in self.known))

    @property
    def known(self) -> frozenset[str]:
        """Effects that count: those that must happen, and those that must not."""
        return frozenset({*self.effects, "paid", "refund", "mail", "written", "sewn"})

    def truthfully(self, request: PauseRequest) -> Response:
        """What people say; of what is in doubt they say what the ledger says."""
        if not request.in_doubt:
            return self.say(request)
        if request.action.tool.startswith("step "):
            return request.choose("abort" if self.of_step(request) in self.happened() else "again", by="ann")
        happened = request.action.tool in self.happened()
        return request.choose((HAPPENED if happened else NOT_HAPPENED).id, by="ann")


@dataclass(frozen=True)
class Place:
    """Where a process dies: at a command of the store, a write of the saver, or an effect."""

    kind: Literal["command", "saver", "effect"]
    name: str
    when: Literal["before", "after"]
    nth: int

    def __str__(self) -> str:
        return f"{self.when} {self.name} {self.nth}"


@asynccontextmanager
async def opened(desk: Desk, wrap: Callable[[Any], Any] = lambda store: store) -> AsyncIterator[Runtime]:
    """As `connect`, with the store wrapped."""
    config, clock = desk.config(), SystemClock()
    catalogue = Catalogue(overrides=config.tools)
    adapter = make_adapter(config, catalogue)
    store = wrap(await open_store(config, clock))
    around = Surroundings(store=store, policy=lambda: config.policy, clock=clock, catalogue=catalogue)
    async with Runtime(adapter=adapter, around=around, settings=Settings(app=config.app.reference)) as hitl:
        yield hitl


async def told(hitl: Runtime, story: Story, run: Run, shown: list[PauseRequest]) -> Run:
    """Answer and resume until it is over."""
    for _ in range(15):
        if run.state in ENDS:
            return run
        shown += run.pending
        for request in run.pending:
            await hitl.respond(story.truthfully(request))
        run = await hitl.resume(run.id)
    raise AssertionError(f"run {run.id} does not come to an end: {run}")


# ── the places ───────────────────────────────────────────────────────────────────────────────────────────────


def places(story: Story, folder: Path) -> list[Place]:
    """Every place at which the story can die, found by telling it once."""
    desk, found = story.at(folder / "rehearsal"), folder / "found"

    async def rehearses() -> None:
        writes: list[str] = []
        logs: list[CommandLog] = []
        for method in _writes(story):
            _each(_saver(story), method, lambda when, name: writes.append(name) if when == "before" else None)

        def logged(store: Any) -> Any:
            logs.append(CommandLog(store))
            return logs[-1]

        shown: list[PauseRequest] = []
        async with opened(desk, logged) as hitl:
            run = await told(hitl, story, await hitl.start(story.input), shown)
        assert (run.state, story.happened()) == (RunState.COMPLETED, story.effects), (run, recorded())
        assert not any(each.in_doubt for each in shown)
        found.write_text(json.dumps([logs[0].names, writes]))

    assert child(rehearses) == 0
    commands, writes = json.loads(found.read_text())
    made = [Place("command", point.command, point.when, point.nth) for point in points(commands)]
    for method in _writes(story):
        made += [Place("saver", method, "before", n + 1) for n in range(writes.count(method))]
        made += [Place("saver", method, "after", writes.count(method))]  # the others are before the next one
    made += [Place("effect", "effect", when, n + 1) for n in range(sum(story.effects.values())) for when in _WHEN]
    return made


_WHEN: tuple[Literal["before", "after"], ...] = ("before", "after")


def _writes(story: Story) -> tuple[str, str]:
    return ("aput", "aput_writes") if "Async" in story.saver_type else ("put", "put_writes")


def _saver(story: Story) -> Any:
    module, _, name = story.saver_type.partition(":")
    return getattr(__import__(module, fromlist=[name]), name)


def _each(owner: Any, method: str, heard: Callable[[str, str], None]) -> None:
    """In this process, be told before and after every call of a method, async or not."""
    inner = getattr(owner, method)

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        heard("before", method)
        result = await inner(*args, **kwargs)
        heard("after", method)
        return result

    def called(*args: Any, **kwargs: Any) -> Any:
        heard("before", method)
        result = inner(*args, **kwargs)
        heard("after", method)
        return result

    setattr(owner, method, awaited if inspect.iscoroutinefunction(inner) else called)


# ── dying, and ending what is left ───────────────────────────────────────────────────────────────────────────


def _counted(place: Place) -> Callable[[str, str], None]:
    seen: Counter[str] = Counter()

    def heard(when: str, name: str) -> None:
        seen[when] += 1
        if when == place.when and seen[when] == place.nth:
            die()

    return heard


class Dying:
    """`os`, for the ledger: dies before or after it writes an effect that counts. What records stays the same code, so
    that whoever reads the source of a graph reads the same."""

    def __init__(self, story: Story, place: Place) -> None:
        self._counts, self._heard = story.effects, _counted(place)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, file: int, line: bytes) -> None:
        effect = json.loads(line)["effect"]
        if effect not in self._counts:
            os.write(file, line)
            return
        self._heard("before", effect)
        os.write(file, line)
        self._heard("after", effect)


def killed_at(story: Story, folder: Path, place: Place) -> None:
    """Die at the place, end the run in a new process, and check what has become of it. Raises AssertionError."""
    desk = story.at(folder / str(place).replace(" ", "-"))

    async def dies() -> None:
        if place.kind == "saver":
            _each(_saver(story), place.name, _counted(place))
        elif place.kind == "effect":
            setattr(ledger, "os", Dying(story, place))  # noqa: B010
        point = CrashPoint(place.name, place.when, place.nth)
        async with opened(desk, lambda store: CrashingStore(store, point if place.kind == "command" else None)) as hitl:
            await told(hitl, story, await hitl.start(story.input), [])

    async def ends() -> None:
        shown: list[PauseRequest] = []
        async with opened(desk) as hitl:
            runs = (await hitl.runs()).items
            run = await (hitl.run(runs[0].id) if runs else hitl.start(story.input))
            if run.state not in ENDS and not run.pending:
                run = await hitl.resume(run.id)
            run = await told(hitl, story, run, shown)
        _check(story, place, run, shown)

    work: list[Callable[[], Awaitable[None]]] = [dies, ends]
    assert [child(each) for each in work] == [KILLED, 0], f"killed {place}, in {desk.folder}"


def _check(story: Story, place: Place, run: Run, shown: list[PauseRequest]) -> None:
    """Each effect once, none that nobody approved; doubt where something was cut off, and nowhere else."""
    doubts, happened = [each for each in shown if each.in_doubt], story.happened()
    ended = any(story.truthfully(each).decision.model_dump().get("option") == "abort" for each in doubts)
    assert run.state is RunState.COMPLETED or ended, (place, run, recorded())
    if run.state is RunState.COMPLETED:
        assert happened == story.effects, (place, happened, shown)
    assert all(count <= story.effects.get(name, 0) for name, count in happened.items()), (place, happened, shown)
    calls = Counter(each["nth"] for each in recorded() if each["effect"] == "model")
    assert sum(calls.values()) - len(calls) <= 1, (place, calls)
    name = f"{place.when} {place.name}"
    if place.kind == "effect":
        assert doubts, (place, run)
    elif name in TURN_ENDS or (story.gated and name not in IN_A_CALL):
        assert not doubts, (place, doubts)
