"""Stores for crash tests: one that remembers what it was asked to do, and one that dies at exactly one such place.

    log = CommandLog(await SqliteStore.open(…))        # play the scenario once: these are the places
    for point in log.points():                          # … then once more for each of them, in a new process
        store = CrashingStore(await SqliteStore.open(…), point)

Dying *before* a command is a crash between the step before it and this one; dying *after* it is a crash between its
commit and whoever waits for it. Nothing in the code under test has to know.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from ..commands import Command, Query
from ..contracts import Store
from .around import StoreAround

R = TypeVar("R")

HOUSEKEEPING: Final = ("FireTimers", "RenewLease", "BeatWorker", "ForgetWorker", "PruneSlips")
"""Commands that are asked over and over and are no step of a run."""


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Before or after the `nth` command (from 1) of that name in one process."""

    command: str
    when: Literal["before", "after"]
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.command} {self.nth}"


def die() -> None:
    """End this process as a power failure would: no handler, no clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


class CrashingStore(StoreAround):
    """Passes everything on to `inner` until `at` is reached; then it calls `crash`, then and ever after.

    `crash` may raise instead of killing the process: then the test goes on in it, with another store.
    """

    def __init__(self, inner: Store, at: CrashPoint | None, *, crash: Callable[[], None] = die) -> None:
        super().__init__(inner)
        self._at = at
        self._crash = crash
        self._seen: Counter[str] = Counter()
        self.crashed = False

    async def apply(self, command: Command[R]) -> R:
        """As `Store.apply`, unless this is the place."""
        name = type(command).__name__
        self._seen[name] += 1
        nth = self._seen[name]  # by the time this command is done, others may have begun
        if self.crashed or self._is_at(name, "before", nth):
            self._die()
        try:
            return await self.inner.apply(command)
        finally:
            if self._is_at(name, "after", nth):
                self._die()

    async def fetch(self, query: Query[R]) -> R:
        """As `Store.fetch`; a dead process reads nothing either."""
        if self.crashed:
            self._die()
        return await self.inner.fetch(query)

    def _is_at(self, name: str, when: str, nth: int) -> bool:
        at = self._at
        return at is not None and (at.command, at.when, at.nth) == (name, when, nth)

    def _die(self) -> None:
        self.crashed = True
        self._crash()


class CommandLog(StoreAround):
    """Passes everything on to `inner` and remembers the names of the commands, in order."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.names: list[str] = []

    async def apply(self, command: Command[R]) -> R:
        self.names.append(type(command).__name__)
        return await self.inner.apply(command)

    def points(self) -> list[CrashPoint]:
        """Every place at which a process that does this again can die."""
        return points(self.names)


def points(names: Iterable[str]) -> list[CrashPoint]:
    """Before and after each of these commands, housekeeping left out."""
    seen: Counter[str] = Counter()
    found: list[CrashPoint] = []
    for name in names:
        seen[name] += 1
        if name not in HOUSEKEEPING:
            found += [CrashPoint(name, "before", seen[name]), CrashPoint(name, "after", seen[name])]
    return found
