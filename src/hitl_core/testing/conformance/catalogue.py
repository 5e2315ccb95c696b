"""Behaviours: what is tried, each with its promise, its one sentence, and the capabilities that it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ...capabilities import Capability
from .promises import PROMISES
from .world import World

Acts = Callable[[World], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One behaviour. `may_lack`: a framework need not have such a thing; then it is refused by name, with a reason."""

    promise: str
    name: str
    sentence: str
    needs: tuple[Capability, ...]
    acts: Acts
    may_lack: bool = False


BEHAVIOURS: Final[dict[str, Behaviour]] = {}
"""All of them by name, in the order of their files."""


def behaviour(promise: str, *needs: Capability, may_lack: bool = False) -> Callable[[Acts], Acts]:
    """Declare a behaviour of `promise`; its docstring is its sentence. Raises ValueError for a slip of its author."""

    def declare(acts: Acts) -> Acts:
        name, said = getattr(acts, "__name__", ""), (acts.__doc__ or "").strip()
        if promise not in PROMISES or name in BEHAVIOURS or not said or "\n\n" in said:
            raise ValueError(f"behaviour {name!r} needs a known promise, a name of its own, and one sentence")
        BEHAVIOURS[name] = Behaviour(promise, name, " ".join(said.split()), needs, acts, may_lack)
        return acts

    return declare
