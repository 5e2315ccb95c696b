"""Declaring a broken part: what it breaks, and on which adapters that makes a difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ....capabilities import Capability
from ..world import Parts


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken thing. `needs` and `lacks` say on which adapters it makes a difference."""

    name: str
    promise: str
    sentence: str
    parts: Parts
    needs: tuple[Capability, ...] = ()
    lacks: tuple[Capability, ...] = ()

    @property
    def place(self) -> str:
        """Where another process finds its parts."""
        return f"{__package__}:{self.name}.parts"


BROKEN: Final[dict[str, Broken]] = {}

C = TypeVar("C", bound="type[Any]")


def breaks(promise: str, *needs: Capability, lacks: tuple[Capability, ...] = ()) -> Callable[[C], C]:
    """Declare a broken part; its docstring says what is wrong with it."""

    def declare(part: C) -> C:
        part.parts = part.made_of()
        BROKEN[part.__name__] = Broken(part.__name__, promise, (part.__doc__ or "").strip(), part.parts, needs, lacks)
        return part

    return declare
