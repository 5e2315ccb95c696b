"""Which rules an action is about, before any condition is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from ...protocol import Action
from ..rules import Facts, Glob, Match, Names, names_regex


class Shape(NamedTuple):
    """What of an action and its facts a match looks at. Hashable: one shape, one plan."""

    tool: str
    agent: str | None
    backend: str | None
    environment: str | None
    risk: str | None
    reversible: bool
    tags: frozenset[str]


Key = tuple[str, str | None, str | None, str | None, str | None, bool, frozenset[str]]
"""A shape as a plain tuple: equal to it, and four times as fast to make."""


def key_of(action: Action, facts: Facts) -> Key:
    """The shape of an action. Anything but a plain True is not reversible."""
    agent = facts.agent if facts.agent is not None else action.origin.agent
    reversible = facts.reversible is True
    tags = frozenset(facts.tags)
    return action.tool, agent, facts.backend, facts.environment, facts.risk, reversible, tags


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The rule is about other actions: `key` is the first part of its match that does not fit."""

    key: str


@dataclass(frozen=True, slots=True)
class Here:
    """The rule is about this action. `unknown` names what its match needs and nobody knows."""

    unknown: tuple[str, ...] = ()


_DEPLOYMENT: Final = ("backend", "environment")
"""Facts that every deployment has. If a rule needs one and it is not known, that is a doubt, not a mismatch:
a rule for production must not fall silent because somebody forgot to say that this is production."""


class Matcher:
    """One `Match`, ready to be asked."""

    def __init__(self, match: Match) -> None:
        keys = ("tool", "agent", *_DEPLOYMENT, "risk")
        self._names = [(key, _Names(getattr(match, key))) for key in keys if getattr(match, key)]
        self._tags = frozenset(match.tags)
        self._reversible = match.reversible
        self._outside = frozenset(match.outside)

    def __call__(self, shape: Shape) -> Here | Elsewhere:
        """Whether the rule is about actions of this shape."""
        unknown = []
        for key, names in self._names:
            name = getattr(shape, key)
            if not name and key in _DEPLOYMENT:
                unknown.append(key)
            elif name is None or not names.fit(name):
                return Elsewhere(key)
        if self._tags and self._tags.isdisjoint(shape.tags):
            return Elsewhere("tags")
        if self._reversible is not None and self._reversible is not shape.reversible:
            return Elsewhere("reversible")
        if shape.environment in self._outside:
            return Elsewhere("outside")
        return Here(tuple(unknown))


class _Names:
    def __init__(self, names: Names) -> None:
        globs = [name.pattern for name in names if isinstance(name, Glob)]
        self._exact = frozenset(name for name in names if isinstance(name, str))
        self._globs = names_regex(globs) if globs else None

    def fit(self, name: str) -> bool:
        if name in self._exact:
            return True
        return self._globs is not None and self._globs.match(name) is not None


def names_fit(names: Names, name: str) -> bool:
    """Whether a name is one of these; of no names, every name is."""
    return not names or _Names(names).fit(name)


class ToolIndex:
    """Finds the few rules that can be about a tool: by its name, by how its name starts, and the rest."""

    def __init__(self, matches: Iterable[Match]) -> None:
        self._exact: dict[str, list[int]] = {}
        self._starts: dict[str, list[int]] = {}
        for number, match in enumerate(matches):
            for name in match.tool or (Glob("*"),):
                self._add(name, number)
        self._lengths = sorted({len(start) for start in self._starts})

    def candidates(self, tool: str) -> list[int]:
        """The numbers of the rules to look at, in file order; of the others, none is about this tool."""
        found = set(self._exact.get(tool, ()))
        for length in self._lengths:
            found.update(self._starts.get(tool[:length], ()))
        return sorted(found)

    def _add(self, name: str | Glob, number: int) -> None:
        if isinstance(name, Glob):
            self._starts.setdefault(_start(name.pattern), []).append(number)
        else:
            self._exact.setdefault(name, []).append(number)


def _start(glob: str) -> str:
    """The letters before the first wildcard."""
    return re.split(r"[*?]", glob, maxsplit=1)[0]
