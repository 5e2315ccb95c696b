"""One run that is killed several times and then ended: its processes one after the other, and what is left of it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..conformance.kit import script_of
from ..conformance.scenes import Scene
from ..conformance.stage import Stage
from ..processes import Order, Processes
from ..scripted_model import Conversation, Rule, Script, ScriptedModel, When, read_calls
from .check import Evidence, faults
from .keep import kept
from .life import ALONE, PID, live, rehearse
from .places import Life, Place, Rehearsal
from .stories import Story


class KilledRun:
    """One run in a folder and a store of its own. Each process has a scripted model of its own, and that a log of its
    own."""

    def __init__(
        self, kit: str, story: Story, folder: Path, process: Processes, *, store_url: str, parts: str = ""
    ) -> None:
        self._names = {"kit": kit, "folder": str(folder), "story": story.name, "parts": parts, "store_url": store_url}
        self._story = story
        self._folder = folder
        self._process = process
        self._logs: list[Path] = []
        self._killed: list[bool] = []
        self.failures: list[str] = []
        """Processes that ended with an error of their own."""

    def rehearsed(self) -> Rehearsal:
        with self._model(None) as url:
            ended = self._process.run(Order.of(rehearse, **self._names, model_url=url))
        self._killed.append(False)
        found = faults(self.evidence())
        if ended.error or found:
            raise AssertionError(f"story {self._story.name!r} fails already without a kill: {ended.error} {found}")
        tools = tuple(dict.fromkeys(line["tool"] for line in Stage(self._folder).happened()))
        commands, seconds = ended.result["commands"], ended.result["seconds"]
        return Rehearsal(tuple(commands), tools, len(read_calls(self._logs[0])), seconds)

    def through(self, planned: Iterable[Life]) -> None:
        """One process after the other; the last one has no place to die at."""
        for life in planned:
            self._lives(life)

    def _lives(self, life: Life) -> None:
        marker = self._marker(life.place)
        if marker is not None:
            marker.touch()
        with self._model(life.place) as url:
            order = Order.of(live, role=life.role, crash=_crash(life.place), **self._names, model_url=url)
            ended = self._process.run(replace(order, kill_after=_moment(life.place)))
        if marker is not None:
            marker.unlink(missing_ok=True)
        self._killed.append(ended.killed)
        if ended.error or (ended.signal and not ended.killed):
            self.failures.append(f"process {len(self._killed)} failed: {ended.error or f'signal {ended.signal}'}")

    def _marker(self, place: Place | None) -> Path | None:
        """What makes the stage kill the next call of a tool."""
        return self._folder / f"kill-{place.when}-{place.name}" if place and place.kind == "tool" else None

    @contextmanager
    def _model(self, place: Place | None) -> Iterator[str]:
        """The model of one process; at its place it kills that process, while the call is in flight."""
        log = self._folder / f"model-{len(self._logs) + 1}.jsonl"
        log.touch()
        self._logs.append(log)
        at = place.nth if place and place.kind == "model" else 0
        clock = _KillingClock(self._folder / PID, at)
        with ScriptedModel(script_for(self._story.scene), log=log, log_bodies=True, clock=clock) as model:
            yield model.base_url

    def evidence(self) -> Evidence:
        """What is left, now that nobody works on it any more."""
        calls = tuple(read_calls(log) for log in self._logs)
        left = asyncio.run(kept(self._folder, self._story, self._names["store_url"]))
        return replace(left, lives=calls, killed=tuple(self._killed))


class _KillingClock:
    """The model's clock, which it looks at for each call: at the `nth` it kills the process that called."""

    def __init__(self, pid: Path, nth: int) -> None:
        self._pid = pid
        self._nth = nth
        self._calls = 0
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            self._calls += 1
            if self._calls == self._nth:
                os.kill(int(self._pid.read_text()), signal.SIGKILL)
        return datetime.now(UTC)


def _crash(place: Place | None) -> list[Any] | None:
    """The place in the store at which a life ends, as `live` takes it."""
    return [place.name, place.when, place.nth] if place and place.kind == "command" else None


def _moment(place: Place | None) -> float | None:
    """The seconds after which a life ends, as its parent takes them."""
    return place.seconds if place and place.kind == "moment" else None


def script_for(scene: Scene) -> Script:
    """What the agent's model says, and one that agrees with whatever an app without a model thinks."""
    script = script_of(scene)
    alone = Conversation(name=ALONE, model=ALONE, rules=(Rule(when=When(), say="go on"),))
    return script.model_copy(update={"conversations": (*script.conversations, alone)})
