"""Which rules an action is about, before any condition is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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


Place = tuple[str, str]
"""A part of an action's shape (tool, how its name starts or ends, a tag, the agent) and what it says."""

_ANYWHERE: Final = ("", "")


class Index:
    """Finds the few rules that can be about an action, however many others there are."""

    def __init__(self, matches: Iterable[Match]) -> None:
        self._rules: dict[Place, list[int]] = {}
        for number, match in enumerate(matches):
            for place in dict.fromkeys(_places(match)):
                self._rules.setdefault(place, []).append(number)
        self._lengths = sorted({(key, len(said)) for key, said in self._rules if key in ("start", "end")})

    def candidates(self, shape: Shape) -> list[int]:
        """The numbers of the rules to look at, in file order; of the others, none is about this shape."""
        found: set[int] = set()
        for place in self._of(shape):
            found.update(self._rules.get(place, ()))
        return sorted(found)

    def _of(self, shape: Shape) -> Iterator[Place]:
        yield _ANYWHERE
        yield "tool", shape.tool
        for key, length in self._lengths:
            yield key, shape.tool[:length] if key == "start" else shape.tool[-length:]
        if shape.agent is not None:
            yield "agent", shape.agent
        for tag in shape.tags:
            yield "tag", tag


def _places(match: Match) -> Iterable[Place]:
    """Where to look for a rule: by its tools, if all of them say something; else by its tags, else by its agents."""
    tools = [_place(name) for name in match.tool]
    if tools and _ANYWHERE not in tools:
        return tools
    if match.tags:
        return [("tag", tag) for tag in match.tags]
    agents = [("agent", name) for name in match.agent if isinstance(name, str)]
    return agents if agents and len(agents) == len(match.agent) else [_ANYWHERE]


def _place(tool: str | Glob) -> Place:
    """By the letters before the first wildcard, or those after the last one."""
    if isinstance(tool, str):
        return "tool", tool
    parts = re.split(r"[*?]", tool.pattern)
    return ("start", parts[0]) if parts[0] else ("end", parts[-1]) if parts[-1] else _ANYWHERE
