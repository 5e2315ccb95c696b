"""The events of one `interrupt()` call, put in order: what the code does with each part of the answer."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .events import TESTS, Event, Path, What


@dataclass(frozen=True, slots=True)
class Use:
    """All that is done with one part of an answer."""

    events: tuple[Event, ...]

    @property
    def tests(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.what in TESTS)

    @property
    def opaque(self) -> tuple[str, ...]:
        """How this part is used in ways that cannot be followed."""
        lost = [event for event in self.events if event.what in (What.OPAQUE, What.PASSED)]
        return tuple(dict.fromkeys(event.detail for event in lost))

    @property
    def kept(self) -> bool:
        """Whether the value itself goes somewhere, so that it matters beyond the tests."""
        return self.does(What.DATA) or self.does(What.STORED) or self.does(What.TEXT)

    @property
    def spoken(self) -> bool:
        """Whether the value is used for what it says: shown, put into a text, given to something that keeps it."""
        return any(event.what is What.DATA and not event.ref.boxed for event in self.events)

    def does(self, what: What) -> bool:
        return any(event.what is what for event in self.events)

    def details(self, what: What) -> frozenset[str]:
        return frozenset(event.detail for event in self.events if event.what is what)


@dataclass(slots=True)
class Site:
    """One `interrupt()` call. `payload` is its argument as source; `swallowed` names the handler that eats a pause."""

    name: str
    payload: ast.expr | None
    line: int
    has_schema: bool = False
    literals: Mapping[str, ast.expr | None] = field(default_factory=dict)
    """the names in `payload` that are assigned once where it is made"""
    state_name: str = ""
    look_up: Callable[[ast.expr], Any] = field(default=lambda node: None, repr=False)
    """the object behind a name in `payload`"""
    names: set[str] = field(default_factory=set)
    swallowed: str = ""
    uses: dict[Path, Use] = field(default_factory=dict)
    bool_keys: set[str] = field(default_factory=set)
    """state keys of type bool that the answer is stored in"""
    came_from: set[str] = field(default_factory=set)
    """state keys that the payload shows"""
    events: list[Event] = field(default_factory=list)

    def gather(self, events: Iterable[Event]) -> None:
        """Add events of this site and sort them by the part of the answer they speak of."""
        self.events += [event for event in events if event.ref.site == self.name and event not in self.events]
        sorted_: dict[Path, list[Event]] = {}
        for event in self.events:
            sorted_.setdefault(event.ref.path, []).append(event)
        self.uses = {path: Use(tuple(found)) for path, found in sorted_.items()}

    @property
    def root(self) -> Use:
        return self.uses.get((), Use(()))

    @property
    def keys(self) -> tuple[str | int, ...]:
        """The parts read from the answer itself, in the order they are first read."""
        return tuple(dict.fromkeys(path[0] for path in self.uses if path))

    def below(self, *path: str | int) -> tuple[str | int, ...]:
        """The parts read from the part at `path`."""
        depth = len(path)
        return tuple(dict.fromkeys(p[depth] for p in self.uses if len(p) > depth and p[:depth] == path))

    @property
    def lost(self) -> tuple[str, ...]:
        """How the answer, or a part of it, is used in ways that were not understood at all."""
        events = [event for event in self.events if event.what is What.OPAQUE]
        return tuple(dict.fromkeys(event.detail for event in events))
