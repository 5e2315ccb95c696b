"""Trying every behaviour on a kit.

report = try_adapter(Kit())          # Report(results=(Result("P01", "…", passed), …))
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self, cast

from ...apps import AppSource
from ...capabilities import Capabilities
from ...config.registry import load
from ...errors import CapabilityNotSupported
from ...logs import LOGGERS
from ..databases import own_store
from ..processes import Processes
from . import behaviours as _every_one  # noqa: F401  # each file declares its own
from .catalogue import BEHAVIOURS, Behaviour
from .elsewhere import parent_of
from .expect import sentence
from .installed import capabilities_of, versions
from .kit import KEY_VARIABLE, Kit, NotInKit
from .report import Outcome, Report, Result
from .world import Parts, World

KITS: Final = "hitl_core.kits"
SECONDS: Final = 300.0
"""How long one behaviour may take before it counts as hanging."""

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # each world has a folder of its own inside


def find_kit(name: str) -> Kit:
    """The kit of a backend, or the one at `module:Class`. Raises AdapterNotFound, AdapterNotInstalled, ConfigError."""
    found = AppSource(name, folder=Path.cwd()).load() if ":" in name else load(KITS, name)
    return cast("Kit", found())


def chosen(promises: Iterable[str] = (), names: Iterable[str] = ()) -> list[Behaviour]:
    """The behaviours of some promises, or of those names; all if nothing is said. By promise, in their order."""
    wanted, named = {each.upper() for each in promises}, set(names)
    found = sorted(BEHAVIOURS.values(), key=lambda each: each.promise)
    return [each for each in found if (not wanted or each.promise in wanted) and (not named or each.name in named)]


class Trial:
    """An adapter on trial. A context manager: the processes that some behaviours need are shared by all of them.

    `store` is the database in which each behaviour gets a store of its own (`databases.own_store`); "" for a file each.
    `parts` replaces parts of the runtime, which is how the suite proves that it would notice; `parts_name` is the
    place `module:name` from which other processes load them. Raises what loading the adapter raises.
    """

    def __init__(self, kit: Kit, *, store: str = "", parts: Parts | None = None, parts_name: str = "") -> None:
        self.kit = kit
        self.store = store
        self.capabilities = capabilities_of(kit.backend)
        self._parts, self._parts_name = parts or Parts(), parts_name
        self._stack = ExitStack()
        self._processes: Processes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def of(self, tried: Behaviour) -> Result:
        """Try one behaviour in a fresh world with an event loop of its own."""
        os.environ.setdefault(KEY_VARIABLE, "none")
        began = time.perf_counter()
        with self.fresh_world() as world, quiet():
            outcome, because = asyncio.run(_judged(world, tried, self.capabilities))
        return Result(tried.promise, tried.name, outcome, because, time.perf_counter() - began)

    @contextmanager
    def fresh_world(self) -> Iterator[World]:
        """A world with a folder and a store of its own; they end with it."""
        with fresh_folder() as folder, own_store(self.store, folder) as url:
            yield World(self.kit, folder, self._parts, self._parts_name, store_url=url, processes=self._started)

    def _started(self) -> Processes:
        if self._processes is None:
            self._processes = self._stack.enter_context(parent_of(self.kit))
        return self._processes


def try_adapter(
    kit: Kit,
    behaviours: Iterable[Behaviour] | None = None,
    *,
    store: str = "",
    parts: Parts | None = None,
    parts_name: str = "",
    told: Callable[[Result], None] = lambda result: None,
) -> Report:
    """Try behaviours (all, if none are given) on a kit. `told` hears each result at once. The rest is as in Trial."""
    results = []
    with Trial(kit, store=store, parts=parts, parts_name=parts_name) as trial:
        for each in chosen() if behaviours is None else behaviours:
            results.append(trial.of(each))
            told(results[-1])
    levels: dict[str, tuple[str, str]] = {
        name.value: (support.level, support.because) for name, support in trial.capabilities.items()
    }
    return Report(kit.backend, versions(kit.backend), levels, tuple(results))


async def _judged(world: World, tried: Behaviour, capabilities: Capabilities) -> tuple[Outcome, str]:
    missing = [each for each in tried.needs if each in capabilities and capabilities[each].level == "absent"]
    try:
        await _acted(world, tried)
    except NotInKit as exc:
        return Outcome.NOT_RUN, str(exc)
    except CapabilityNotSupported as exc:
        named = exc.capability in (tried.needs if tried.may_lack else missing)
        if named and not world.happened():
            return Outcome.REFUSED, exc.because
        return Outcome.FAILED, "after an effect, " * bool(world.happened()) + sentence(exc)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as exc:  # whatever an adapter lets out, it is the adapter's
        return Outcome.FAILED, sentence(exc)
    if missing:
        return Outcome.FAILED, f"{missing[0].value!r} is declared absent, and works"
    return Outcome.PASSED, ""


async def _acted(world: World, tried: Behaviour) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            await tried.acts(world)
    finally:
        await world.close()


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """A folder in memory where there is one: a killed process loses nothing there, and a disk flush costs nothing."""
    memory = str(_MEMORY) if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="hitl-conformance-", dir=memory, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def quiet() -> Iterator[None]:
    """What is refused on purpose need not be logged."""
    logs = [logging.getLogger(name) for name in LOGGERS]
    before = [log.disabled for log in logs]
    for log in logs:
        log.disabled = True
    try:
        yield
    finally:
        for log, disabled in zip(logs, before, strict=True):
            log.disabled = disabled
