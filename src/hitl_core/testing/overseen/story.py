"""A story: what an agent and people do in processes of their own, and what must have come of it. Where it is told.

with Office(Kit(), folder) as office:
    for story in STORIES.values():
        story.tell(office)              # raises NotKept: what was found, and what was promised
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from ...capabilities import Capabilities, Capability
from ..conformance.kit import Kit
from ..conformance.scenes import Scene
from ..processes import Processes, name_of
from .acts import get_warm
from .desk import Desk, desk

WARM: Final = name_of(get_warm)


class Office:
    """Where the stories of one kit are told: the warm parent of all their processes, and a folder for each desk.

    `store` is the database in which each desk gets a store of its own; "" for a file each.
    `warm` names another function that warms the parent, called with the kit's name and with `arguments`, which is how
    the stories prove that they would notice what is broken.
    """

    def __init__(self, kit: Kit, folder: Path, *, store: str = "", warm: str = WARM, **arguments: str) -> None:
        self.kit = kit
        self._folder = folder
        self._store = store
        self._warm = warm
        self._arguments: dict[str, Any] = dict(arguments)
        self._desks = itertools.count(1)

    def __enter__(self) -> Self:
        self._processes = Processes(self._warm, kit=name_of(type(self.kit)), **self._arguments)
        return self

    def __exit__(self, *exc: object) -> None:
        self._processes.__exit__(*exc)

    def desk(self, scene: Scene) -> AbstractContextManager[Desk]:
        """A desk of its own for an agent that does this."""
        return desk(self.kit, scene, self._folder / f"desk-{next(self._desks)}", self._processes, self._store)


@dataclass(frozen=True, slots=True)
class Story:
    """`tell` plays it and raises NotKept. Its docstring is the sentence that it proves."""

    name: str
    tell: Callable[[Office], None]
    needs: tuple[Capability, ...]

    def lacks(self, capabilities: Capabilities) -> list[Capability]:
        """What an adapter would need for this story, and has not."""
        return [each for each in self.needs if capabilities[each].level == "absent"]


STORIES: Final[dict[str, Story]] = {}


def story(name: str, *needs: Capability) -> Callable[[Callable[[Office], None]], Callable[[Office], None]]:
    """Declare a story."""

    def declare(tell: Callable[[Office], None]) -> Callable[[Office], None]:
        STORIES[name] = Story(name, tell, (Capability.GATE_TOOLS, *needs))
        return tell

    return declare
