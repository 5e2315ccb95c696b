"""What was seen while reading: an event says that something was done with one part of one answer.

A `Site` is one `interrupt()` call; its events, put in order, are the `Use`s of each part of its answer.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Const = str | int | float | bool | None
Path = tuple[str | int, ...]
"""Which part of the answer: `()` is the answer itself, `("data", 0)` is `answer["data"][0]`."""


class What(StrEnum):
    """The first group are tests: they decide where the code goes. The second group say what else is done."""

    TRUTH = "truth"
    """`if x`, `not x`, `bool(x)`, `x and …`"""
    EQUAL = "equal"
    """`x == c`, `x != c`, `x in (c, …)`, `case c`"""
    CONTAINS = "contains"
    """`c in x`, `x.startswith(c)`"""
    TYPE = "type"
    """`isinstance(x, …)`, `x is None`"""
    NUMBER = "number"
    """`x > 3`"""

    DATA = "data"
    """kept, shown or returned as it is"""
    TEXT = "text"
    """used in a way that only text allows: `x.strip()`, `"…" + x`"""
    INTEGER = "integer"
    """`int(x)`, `float(x)`"""
    REQUIRED = "required"
    """read by `x[key]`, which fails without the key"""
    ATTRIBUTE = "attribute"
    """read by `x.name`"""
    STORED = "stored"
    """returned as the state key in `detail`"""
    PASSED = "passed"
    """given to code that cannot be read; `detail` names it"""
    OPAQUE = "opaque"
    """used in a way that was not understood; `detail` says how"""


class Branches(StrEnum):
    """What the two ways after a test say about its polarity."""

    SILENT = "silent"
    FIT = "fit"
    """only the way taken on no speaks of refusing"""
    CONTRADICT = "contradict"
    """the way taken on yes speaks of refusing, or of anything but going on"""


TESTS = frozenset({What.TRUTH, What.EQUAL, What.CONTAINS, What.TYPE, What.NUMBER})


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that comes from an answer. `boxed`: it sits inside a container of the code's own making."""

    site: str
    path: Path = ()
    boxed: bool = False

    def part(self, key: str | int) -> Ref:
        return Ref(self.site, (*self.path, key))


Value = frozenset[Ref]
NOTHING: Value = frozenset()
TOGETHER = "together with another part"
"""detail of a truth test on several parts at once: `x["ok"] and x["why"]`"""
STATE = "state"
"""The site name that stands for the graph's state rather than for an answer."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing done with `ref`. `branches`: whether the code behind a test fits what it seems to ask."""

    ref: Ref
    what: What
    constants: tuple[Const, ...] = ()
    negated: bool = False
    branches: Branches = Branches.SILENT
    detail: str = ""


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
