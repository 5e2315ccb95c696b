"""Whether a process lives and is ready, for probes. A store that is away makes it not ready, and not dead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..commands import ReadLoad
from ..errors import HitlError
from ..protocol import Json
from ..runtime import Runtime

PATIENCE: Final = 3.0
"""Seconds that a check may take."""

FRESH: Final = 1.0
"""Seconds that what was found stands for the next who ask."""

LAG: Final = 60.0
"""Seconds that an answer may wait for a worker before its process counts as not ready."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `says` has numbers and codes, and nothing that an error has worded."""

    name: str
    ok: bool
    says: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What was found. It is as good as its worst check."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def document(self) -> dict[str, Json]:
        """`{"ok": …, "checks": {NAME: {"ok": …, "says": …}}}`."""
        checks: dict[str, Json] = {check.name: {"ok": check.ok, "says": check.says} for check in self.checks}
        return {"ok": self.ok, "checks": checks}


Look = Callable[[], Coroutine[Any, Any, tuple[bool, str]]]
"""What is looked at: whether it is well, and what there is to say."""


class Schema(Protocol):
    """Which schema a store has, and how many steps it is behind this release."""

    @property
    def steps(self) -> int: ...


async def ready(
    runtime: Runtime, *, lag: float = LAG, patience: float = PATIENCE, schema: Callable[[], Schema] | None = None
) -> Health:
    """Whether this process can work: the store answers and can be written to, its tables are of this release, the app
    can be overseen, and no answer has waited for a worker for more than `lag` seconds. `schema` looks at the tables, in
    a thread.
    """
    asked = Readiness(runtime, lag=lag, patience=patience, schema=schema)
    try:
        return await asked.look()
    finally:
        asked.close()


class Readiness:
    """`ready`, for probes: however many ask, a store is asked once a second, and not again while it owes an answer.

    Without `app`, the app is not looked at: for a process that does not work on runs.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        lag: float = LAG,
        patience: float = PATIENCE,
        schema: Callable[[], Schema] | None = None,
        app: bool = True,
    ) -> None:
        self._looks: dict[str, Look] = {"store": lambda: _store(runtime, lag)}
        self._looks |= {"schema": lambda: _schema(schema)} if schema is not None else {}
        self._looks |= {"app": lambda: _app(runtime)} if app else {}
        self._patience = patience
        self._under_way: dict[str, asyncio.Task[tuple[bool, str]]] = {}
        self._one = asyncio.Lock()
        self._found = Health(())
        self._until = 0.0

    async def __call__(self) -> Health:
        """What was found within the last second, by whoever asked."""
        async with self._one:
            if time.monotonic() >= self._until:
                self._found = await self.look()
                self._until = time.monotonic() + FRESH
            return self._found

    async def look(self) -> Health:
        """What there is now, within `patience` seconds for all of it."""
        return Health(tuple(await asyncio.gather(*[self._tried(name) for name in self._looks])))

    def close(self) -> None:
        """Wait for nothing any more."""
        for task in self._under_way.values():
            task.cancel()

    async def _tried(self, name: str) -> Check:
        return await _tried(name, self._begun(name), self._patience)

    def _begun(self, name: str) -> asyncio.Task[tuple[bool, str]]:
        """The look that is under way, or a new one."""
        found = self._under_way.get(name)
        if found is None or found.done():
            found = self._under_way[name] = asyncio.ensure_future(self._looks[name]())
            found.add_done_callback(_nobody_waits)
        return found


def _nobody_waits(looked: asyncio.Task[Any]) -> None:
    """What it has raised after its time is no news: the next look says it."""
    if not looked.cancelled():
        looked.exception()


async def _tried(name: str, look: asyncio.Task[tuple[bool, str]], patience: float) -> Check:
    try:
        async with asyncio.timeout(patience):
            ok, says = await asyncio.shield(look)
    except TimeoutError:
        return Check(name, False, f"did not answer within {patience:g} s")
    except HitlError as exc:
        return Check(name, False, f"{exc.code} {type(exc).__name__}")
    except Exception as exc:  # an app raises whatever it likes
        return Check(name, False, type(exc).__name__)
    return Check(name, ok, says)


async def _store(runtime: Runtime, lag: float) -> tuple[bool, str]:
    load = await runtime.store.fetch(ReadLoad())
    if not await asyncio.to_thread(getattr(runtime.store, "can_be_written", _yes)):
        return False, "can be read only: nothing begins, and no answer is kept"
    since = load.ready_since
    waits = 0.0 if since is None else (runtime.clock.now() - since).total_seconds()
    more = "" if load.counted_all else " or more"
    return waits <= lag, f"{load.open}{more} open, {load.ready} ready, the first of them for {max(0.0, waits):.1f} s"


def _yes() -> bool:
    """A store of somebody else's, which does not say: its next command does."""
    return True


async def _schema(schema: Callable[[], Schema] | None) -> tuple[bool, str]:
    assert schema is not None
    steps = (await asyncio.to_thread(schema)).steps
    return steps == 0, "is current" if steps == 0 else f"is {steps} steps behind this release"


async def _app(runtime: Runtime) -> tuple[bool, str]:
    """Attached once, kept from then on: asking again costs nothing."""
    home = await runtime.at_home()
    return True, "attached" if home else "its framework is not installed here: undos only"


class Alive:
    """Whether a process lives: its event loop turns, and the thread of its store works. Asked from another thread."""

    def __init__(self, runtime: Runtime, *, patience: float = PATIENCE) -> None:
        self._store = runtime.store
        self._loop = asyncio.get_running_loop()
        self._patience = patience

    def __call__(self) -> Health:
        alive = bool(getattr(self._store, "alive", True))
        return Health((self._turns(), Check("store_thread", alive, "works" if alive else "has died")))

    def _turns(self) -> Check:
        turned = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop)
        try:
            turned.result(self._patience)
        except TookTooLong:
            turned.cancel()
            return Check("loop", False, f"has not turned for {self._patience:g} s")
        return Check("loop", True, "turns")
