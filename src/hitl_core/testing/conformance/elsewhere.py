"""Other processes of a behaviour: each does a few acts in its world, and may die at an exact place.

given = {"acts": (("start",), ("say", "approve")), "crash": "after ClaimRuns 1", …}
with parent_of(kit) as processes:
    (ended,) = errands(processes, given)            # Ended(signal=9)
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from ...commands import StopScope
from ...policy import Policy
from ...protocol import Run, RunState
from ...runtime import Worker
from ..clock import ManualClock
from ..crashing import CrashingStore, CrashPoint, die
from ..processes import Ended, Order, Processes, name_of, named
from .kit import Kit, NotInKit
from .scenes import Call, Scene, note
from .world import Parts, World, free, only

Act = tuple[Any, ...]
"""What a child does: ("start",) · ("say", decision, *fields) · ("resume",) · ("work",) · ("undo",) ·
("stop", scope, target)."""

PATIENCE: Final = 300
"""Seconds that the parent may take to play its first scene."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What one child does in the world of a behaviour, and where it dies.

    `crash` is `before COMMAND n` or `after COMMAND n`; without one the child is killed when it has done everything,
    unless it `survives`.
    """

    kit: str
    folder: str
    model_url: str
    store_url: str
    policy: str
    parts: str
    now: str
    runs: int
    scene: dict[str, Any]
    acts: tuple[Act, ...]
    crash: str = ""
    survives: bool = False
    redact: tuple[str, ...] = ()


def parent_of(kit: Kit) -> Processes:
    """The warm parent of all children of a kit."""
    return Processes(name_of(get_warm), quiet=True, kit=name_of(type(kit)))


def errands(processes: Processes, *given: dict[str, Any]) -> list[Ended]:
    """Do errands at once, each in a child of its own. Raises NotInKit if no process can import the kit."""
    try:
        return processes.together(*(Order.of(run_errand, **each) for each in given))
    except RuntimeError as exc:
        raise NotInKit("no other process could be started: the kit must be importable by its name") from exc


# ── in the parent ────────────────────────────────────────────────────────────────────────────────────────────


def get_warm(kit: str) -> None:
    """Import, once, all that the children need."""
    warm_up(named(kit)())


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


# ── in a child ───────────────────────────────────────────────────────────────────────────────────────────────


async def run_errand(**given: Any) -> str:
    """Do an errand; the state of its run, if it is not to die."""
    errand = Errand(**given)
    world = _world(errand)
    run: Run | None = None
    for act, *fields in errand.acts:
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
    if not errand.survives:
        die()
    await world.close()
    return "" if run is None else run.state.value


def _world(errand: Errand) -> World:
    parts = cast("Parts", named(errand.parts)) if errand.parts else Parts()
    if errand.crash:
        when, command, nth = errand.crash.split()
        point, inner = CrashPoint(command, cast("Any", when), int(nth)), parts.store
        parts = replace(parts, store=lambda store: CrashingStore(inner(store), point))
    world = World(
        named(errand.kit)(),
        Path(errand.folder),
        parts=parts,
        model_url=errand.model_url,
        store_url=errand.store_url,
        clock=ManualClock(datetime.fromisoformat(errand.now)),
        scene=scene_of(errand.scene),
        runs=errand.runs,
        redact=tuple(errand.redact),
    )
    if errand.policy:
        world.policy = Policy.from_toml(errand.policy)
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


def scene_of(data: dict[str, Any]) -> Scene:
    """A scene that went through JSON."""
    turns = {key: tuple(tuple(Call(**call) for call in turn) for turn in data[key]) for key in ("turns", "helper")}
    lists = {key: tuple(data[key]) for key in ("lacks", "redefines")}
    return Scene(**{**data, **turns, **lists})
