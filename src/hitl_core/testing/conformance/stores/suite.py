"""Declaring what a store must do, and trying it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..expect import sentence
from ..promises import PROMISES
from ..report import Outcome, Report, Result
from ..suite import SECONDS, fresh_folder
from .world import Open, StoreWorld

Acts = Callable[[StoreWorld], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StoreBehaviour:
    """One thing that a store does for a promise."""

    promise: str
    name: str
    sentence: str
    acts: Acts


STORE_BEHAVIOURS: Final[dict[str, StoreBehaviour]] = {}


def store_behaviour(promise: str) -> Callable[[Acts], Acts]:
    """Declare what a store does for a promise; the docstring is its sentence."""

    def declare(acts: Acts) -> Acts:
        name, said = getattr(acts, "__name__", ""), (acts.__doc__ or "").strip()
        if promise not in PROMISES or name in STORE_BEHAVIOURS or not said:
            raise ValueError(f"behaviour {name!r} needs a known promise, a name of its own, and one sentence")
        STORE_BEHAVIOURS[name] = StoreBehaviour(promise, name, " ".join(said.split()), acts)
        return acts

    return declare


def try_store(name: str, open: Open, *, only: tuple[str, ...] = ()) -> Report:
    """Try every behaviour (or those named in `only`) on the store that `open(folder)` gives, each in a new folder."""
    chosen = [each for each in STORE_BEHAVIOURS.values() if not only or each.name in only]
    return Report(name, {}, {}, tuple(_tried(open, each) for each in chosen))


def _tried(open: Open, tried: StoreBehaviour) -> Result:
    began = time.perf_counter()
    with fresh_folder() as folder:
        outcome, because = asyncio.run(_judged(open, folder, tried))
    return Result(tried.promise, tried.name, outcome, because, time.perf_counter() - began)


async def _judged(open: Open, folder: Path, tried: StoreBehaviour) -> tuple[Outcome, str]:
    world = StoreWorld(open, folder)
    try:
        async with asyncio.timeout(SECONDS):
            await tried.acts(world)
    except Exception as exc:  # whatever a store lets out, it is the store's
        return Outcome.FAILED, sentence(exc)
    finally:
        await world.reopen()
    return Outcome.PASSED, ""
