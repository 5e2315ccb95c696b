"""Whether a process lives and is ready, for probes. A store that is away makes it not ready, and not dead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from typing import Final, Protocol

from ..commands import ReadLoad
from ..errors import HitlError
from ..protocol import Json
from ..runtime import Runtime

PATIENCE: Final = 3.0
"""Seconds that a check may take."""

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


class Schema(Protocol):
    """Which schema a store has, and how many steps it is behind this release."""

    @property
    def steps(self) -> int: ...


async def ready(
    runtime: Runtime, *, lag: float = LAG, patience: float = PATIENCE, schema: Callable[[], Schema] | None = None
) -> Health:
    """Whether this process can work: the store answers, its tables are of this release, the app can be overseen, and
    no answer has waited for a worker for more than `lag` seconds. `schema` looks at the tables, in a thread.
    """
    looks: list[tuple[str, Callable[[], Awaitable[tuple[bool, str]]]]] = [("store", lambda: _store(runtime, lag))]
    looks += [("schema", lambda: _schema(schema))] if schema is not None else []
    looks += [("app", lambda: _app(runtime))]
    return Health(tuple([check for name, look in looks for check in await _tried(name, look, patience)]))


async def _tried(name: str, look: Callable[[], Awaitable[tuple[bool, str]]], patience: float) -> Sequence[Check]:
    try:
        async with asyncio.timeout(patience):
            ok, says = await look()
    except TimeoutError:
        return [Check(name, False, f"did not answer within {patience:g} s")]
    except HitlError as exc:
        return [Check(name, False, f"{exc.code} {type(exc).__name__}")]
    except Exception as exc:  # an app raises whatever it likes
        return [Check(name, False, type(exc).__name__)]
    return [Check(name, ok, says)]


async def _store(runtime: Runtime, lag: float) -> tuple[bool, str]:
    load = await runtime.store.fetch(ReadLoad())
    since = load.ready_since
    waits = 0.0 if since is None else (runtime.clock.now() - since).total_seconds()
    more = "" if load.counted_all else " or more"
    return waits <= lag, f"{load.open}{more} open, {load.ready} ready, the first of them for {max(0.0, waits):.1f} s"


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
