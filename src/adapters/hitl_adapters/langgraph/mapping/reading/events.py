"""What was seen while reading: an event says that something was done with one part of one answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
