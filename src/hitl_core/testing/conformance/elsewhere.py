"""Real processes that die: a warm parent that forks one child for every order, and says how each of them ended.

    order = Order(…, acts=(("start",), ("say", "approve")), crash="after ClaimRuns 1")
    with Processes("package.kit:Kit") as processes:
        (ended,) = processes.run(order)         # Ended(signal=9)

Starting an interpreter and importing a framework costs seconds; a fork of a parent that has done so costs
milliseconds. A parent in which importing the framework started threads cannot fork safely: it starts a new
interpreter for each order instead, which costs what importing the framework costs.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import IO, Any, Final, Self, cast

from ...commands import StopScope
from ...policy import Policy
from ...protocol import Run, RunState
from ...runtime import Worker
from ..clock import ManualClock
from ..crashing import CrashingStore, CrashPoint, die
from .kit import Kit, NotInKit
from .scenes import Call, Scene, note
from .world import Parts, World, free, only

Act = tuple[Any, ...]
"""What a child does: ("start",) · ("say", decision, *fields) · ("resume",) · ("work",) · ("undo",) ·
("stop", scope, target)."""

PATIENCE: Final = 150
"""Seconds that a child may take, and the parent to play its first scene."""

_MODULE: Final = "hitl_core.testing.conformance.elsewhere"


@dataclass(frozen=True, slots=True)
class Order:
    """What one child does in the world of a behaviour, and where it dies.

    `crash` is `before COMMAND n` or `after COMMAND n`; without one the child is killed when it has done everything,
    unless it `survives`.
    """

    kit: str
    folder: str
    model_url: str
    policy: str
    parts: str
    now: str
    runs: int
    scene: dict[str, Any]
    acts: tuple[Act, ...]
    crash: str = ""
    survives: bool = False
    redact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: killed by `signal`, or with a result, or with the error that it raised."""

    signal: int = 0
    result: Any = None
    error: str = ""


class Processes:
    """The warm parent of all children of a kit."""

    def __init__(self, kit: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each or os.getcwd() for each in sys.path)}
        command = [sys.executable, "-m", _MODULE, kit]
        self._parent = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True, bufsize=1, env=environment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        into, out = self._pipes()
        with suppress(BrokenPipeError):
            into.close()
        self._parent.wait()
        out.close()

    def run(self, *orders: Order) -> list[Ended]:
        """Carry out orders at once, each in a child of its own. Raises NotInKit if no process can import the kit."""
        into, out = self._pipes()
        with suppress(BrokenPipeError):  # it has died: what it says is nothing
            into.write(json.dumps([asdict(each) for each in orders]) + "\n")
            into.flush()
        said = out.readline()
        if not said:
            raise NotInKit("no other process could be started: the kit must be importable by its name")
        return [Ended(**each) for each in json.loads(said)]

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        return self._parent.stdin, self._parent.stdout


# ── in the parent ────────────────────────────────────────────────────────────────────────────────────────────


def serve(kit: str) -> None:
    """One line of orders in, one line of endings out."""
    out, sys.stdout = sys.stdout, sys.stderr  # what a framework prints is not an answer
    warm_up(named(kit)())
    for line in sys.stdin:
        begin = _fork if threading.active_count() == 1 else _spawn
        children = [begin(order) for order in json.loads(line)]
        print(json.dumps([asdict(child()) for child in children]), file=out, flush=True)


def warm_up(kit: Kit) -> None:
    """Play a scene once, so that all that a framework imports when it works is imported before the first fork.

    A framework that starts threads as soon as it works could not be forked after that: its kit has a `warm`, which
    only imports.
    """
    warm = getattr(kit, "warm", None)
    if warm is not None:
        warm()
        return
    with tempfile.TemporaryDirectory(prefix="hitl-conformance-") as folder, suppress(Exception):
        asyncio.run(_played(World(kit, Path(folder))))


async def _played(world: World) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            world.rules(free("note"))
            await world.start(Scene.of(note()))
    finally:
        await world.close()


def _fork(order: dict[str, Any]) -> Any:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(asdict(_carried_out(order))))
        os._exit(0)
    os.close(writing)
    return lambda: _after_fork(child, reading)


def _after_fork(child: int, reading: int) -> Ended:
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return Ended(signal=os.WTERMSIG(status)) if os.WIFSIGNALED(status) else Ended(**json.loads(said))


def _spawn(order: dict[str, Any]) -> Any:
    child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", _MODULE, "--one"], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(order) + "\n")
    child.stdin.flush()
    return lambda: _after_spawn(child)


def _after_spawn(child: subprocess.Popen[str]) -> Ended:
    said, _ = child.communicate()
    return Ended(signal=-child.returncode) if child.returncode < 0 else Ended(**json.loads(said))


# ── in a child ───────────────────────────────────────────────────────────────────────────────────────────────


def _carried_out(order: dict[str, Any]) -> Ended:
    signal.alarm(PATIENCE)  # a child that hangs ends, and the behaviour is told by which signal
    try:
        return Ended(result=asyncio.run(_acted(Order(**order))))
    except BaseException as exc:  # whatever it was, the behaviour is to see it
        return Ended(error=f"{type(exc).__name__}: {exc}")


async def _acted(order: Order) -> str:
    world = _world(order)
    run: Run | None = None
    for act, *fields in order.acts:
        match act:
            case "start":
                run = await world.start()
            case "say":
                await world.say(only(await _newest(world)), *fields)
            case "resume":
                run = await world.wait(await _newest(world))
            case "undo":
                run = (await (await world.hitl()).undo(await _undoable(world), by="ann")).run
            case "stop":
                await (await world.hitl()).stop(StopScope(fields[0]), *fields[1:], by="bob", reason="audit")
            case "work":
                await _work(world)
            case _:
                raise ValueError(f"no child can {act!r}")
    if not order.survives:
        die()
    await world.close()
    return "" if run is None else run.state.value


def _world(order: Order) -> World:
    parts = cast("Parts", named(order.parts)) if order.parts else Parts()
    if order.crash:
        when, command, nth = order.crash.split()
        point, inner = CrashPoint(command, cast("Any", when), int(nth)), parts.store
        parts = replace(parts, store=lambda store: CrashingStore(inner(store), point))
    world = World(
        named(order.kit)(),
        Path(order.folder),
        parts=parts,
        model_url=order.model_url,
        clock=ManualClock(datetime.fromisoformat(order.now)),
        scene=scene_of(order.scene),
        runs=order.runs,
        redact=tuple(order.redact),
    )
    if order.policy:
        world.policy = Policy.from_toml(order.policy)
    return world


async def _newest(world: World) -> Run:
    hitl = await world.hitl()
    return await hitl.run((await hitl.runs(limit=1)).items[0].id)


async def _undoable(world: World) -> str:
    """The newest run that is no undo itself."""
    runs = (await (await world.hitl()).runs()).items
    return next(run.id for run in runs if run.undoes is None)


async def _work(world: World) -> None:
    """A worker until every run is over."""
    hitl = await world.hitl()
    worker = Worker(hitl, concurrency=2)
    while (await hitl.runs(states=(RunState.READY, RunState.RUNNING), limit=1)).items:
        await worker.run_until_idle()
        await hitl.store.changed(timeout=0.2)


def named(name: str) -> Any:
    """What stands at `module:name`."""
    module, _, attribute = name.partition(":")
    return attrgetter(attribute)(importlib.import_module(module))


def scene_of(data: dict[str, Any]) -> Scene:
    """A scene that went through JSON."""
    turns = {key: tuple(tuple(Call(**call) for call in turn) for turn in data[key]) for key in ("turns", "helper")}
    lists = {key: tuple(data[key]) for key in ("lacks", "redefines")}
    return Scene(**{**data, **turns, **lists})


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        answer, sys.stdout = sys.stdout, sys.stderr
        print(json.dumps(asdict(_carried_out(json.loads(sys.stdin.readline())))), file=answer, flush=True)
    else:
        serve(sys.argv[1])
