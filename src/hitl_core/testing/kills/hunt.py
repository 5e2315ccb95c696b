"""Killing runs until enough kills were counted, and holding each run to its proof.

rehearse each story ─► for each seed: processes that are killed ─► one that lives ─► evidence ─► faults
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Final

from ..conformance import Kit
from ..conformance.installed import capabilities_of
from ..databases import own_store
from ..processes import Processes, name_of
from .check import Evidence, faults
from .life import get_warm
from .places import Life, Rehearsal, lives
from .run import KilledRun
from .stories import STORIES, Story

AT_ONCE: Final = 2
MOST_RUNS_PER_KILL: Final = 3
"""A place may not be reached; but a hunt in which hardly any is finds nothing and must not pass."""


@dataclass(frozen=True, slots=True)
class Killed:
    """One run: its seed, its story, the processes it took, what is left of it, and what is wrong with that."""

    seed: str
    story: str
    lives: tuple[Life, ...]
    evidence: Evidence
    faults: tuple[str, ...]

    def __str__(self) -> str:
        lives = zip(self.lives, self.evidence.killed, strict=True)
        ways = [f"    {life}{'' if done or life.place is None else ' (not reached)'}" for life, done in lives]
        wrong = [f"  {fault}" for fault in self.faults]
        return "\n".join([f"seed {self.seed}, story {self.story!r}:", *ways, *wrong])


@dataclass(frozen=True, slots=True)
class Hunted:
    """What came of a hunt."""

    backend: str
    seed: int
    runs: tuple[Killed, ...]

    @property
    def broken(self) -> tuple[Killed, ...]:
        return tuple(run for run in self.runs if run.faults)

    @property
    def kills(self) -> Counter[str]:
        """How many processes were killed at their place, by the kind of place."""
        reached = (
            life.place for run in self.runs for life, done in zip(run.lives, run.evidence.killed, strict=True) if done
        )
        return Counter(place.kind for place in reached if place is not None)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        lines = [f"{self.backend}, seed {self.seed}: {self.kills.total()} kills ({kinds}) in {len(self.runs)} runs"]
        lines += [f"{len(self.broken)} runs broken; play one again: --again SEED" if self.broken else "no faults"]
        return "\n".join([*lines, *map(str, self.broken)])


@dataclass
class Hunt:
    """One kit on the hunt. A context manager: its processes end with it.

    `store` is the database in which each run gets a store of its own (`databases.own_store`); "" for a file each.
    `parts` names other `Parts` than the true ones, as for a conformance suite's broken adapters.
    """

    kit: Kit
    folder: Path
    parts: str = ""
    store: str = ""
    _rehearsed: dict[str, Rehearsal] = field(default_factory=dict)

    def __enter__(self) -> Hunt:
        self._free = [Processes(name_of(get_warm), kit=self._name) for _ in range(AT_ONCE)]
        return self

    def __exit__(self, *exc: object) -> None:
        for each in self._free:
            each.__exit__(*exc)

    @cached_property
    def stories(self) -> list[Story]:
        """Those that the adapter says it can play."""
        capabilities = capabilities_of(self.kit.backend)
        return [story for story in STORIES.values() if not story.lacks(capabilities)]

    def until(self, kills: int, *, seed: int) -> Hunted:
        """Kill one run after the other, and several times, until so many processes were killed at their place."""
        runs: list[Killed] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for number in itertools.count(0, AT_ONCE):
                seeds = [f"{seed}/{number + each}" for each in range(AT_ONCE)]
                runs += pool.map(self.play, seeds)
                hunted = Hunted(self.kit.backend, seed, tuple(runs))
                if hunted.kills.total() >= kills:
                    return hunted
                if len(runs) > MOST_RUNS_PER_KILL * kills:
                    raise RuntimeError(f"too few places are reached: {hunted}")
        raise AssertionError("unreachable")

    def play(self, seed: str) -> Killed:
        """The run of one seed, `HUNT/NUMBER`: the same story and the same places each time."""
        hunt, _, number = seed.partition("/")
        story = self.stories[(int(hunt) + int(number)) % len(self.stories)]
        with self._process() as process:
            rehearsal = self._rehearsal(story, process)
            planned = (*lives(rehearsal, Random(seed)), Life())  # noqa: S311  # to be played again, not to be secret
            with self._new(story, seed, process) as run:
                run.through(planned)
                evidence = run.evidence()
        return Killed(seed, story.name, planned, evidence, (*run.failures, *faults(evidence)))

    # ── what its runs share ──────────────────────────────────────────────────────────────────────────────────

    @property
    def _name(self) -> str:
        return name_of(type(self.kit))

    @contextmanager
    def _process(self) -> Iterator[Processes]:
        process = self._free.pop()
        try:
            yield process
        finally:
            self._free.append(process)

    @contextmanager
    def _new(self, story: Story, name: str, process: Processes) -> Iterator[KilledRun]:
        folder = Path(tempfile.mkdtemp(prefix=f"{name.replace('/', '-')}-", dir=self.folder))
        with own_store(self.store, folder) as url:
            yield KilledRun(self._name, story, folder, process, store_url=url, parts=self.parts)

    def _rehearsal(self, story: Story, process: Processes) -> Rehearsal:
        """The story undisturbed, once. Raises AssertionError if already that has a fault."""
        if story.name not in self._rehearsed:
            with self._new(story, "rehearsal", process) as run:
                self._rehearsed[story.name] = run.rehearsed()
        return self._rehearsed[story.name]
