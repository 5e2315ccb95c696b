"""What is said about a policy that can be loaded: what is wrong with it, and what should be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..checking import KeyPath, PolicyFault


class Kind(StrEnum):
    """What a remark is about."""

    INVALID = "invalid"
    DEAD = "dead"
    SHADOWED = "shadowed"
    CONTRADICTORY = "contradictory"
    UNKNOWN_TOOL = "unknown_tool"
    UNGATED = "ungated"
    UNKNOWN_PEOPLE = "unknown_people"
    QUORUM = "quorum"
    TIMES = "times"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about one rule (by its number; None: the defaults), at a place inside it. A note is no fault."""

    kind: Kind
    rule: int | None
    path: KeyPath
    says: str
    note: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A remark with its place in the file."""

    kind: Kind
    fault: PolicyFault
    rule: str
    note: bool = False

    def __str__(self) -> str:
        return str(self.fault)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the world that a policy is for; None where nobody could tell.

    `tools`: the names of every tool of the app; `ungated`: those that run without the gate, and why. `people`: the
    roles of everybody in the directory by their ids, `group:NAME` among them; `missing`: ids that it was asked for and
    has not, where it cannot say whom it has.
    """

    tools: frozenset[str] | None = None
    ungated: Mapping[str, str] | None = None
    people: Mapping[str, frozenset[str]] | None = None
    missing: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """Everything that was found, and what was not looked at, in words."""

    found: tuple[Found, ...] = ()
    not_looked_at: tuple[str, ...] = ()
    unreadable: bool = False

    @property
    def invalid(self) -> bool:
        """Whether the file cannot be loaded, so that nothing else was looked at."""
        return any(each.kind is Kind.INVALID for each in self.found)

    @property
    def faults(self) -> tuple[Found, ...]:
        return tuple(each for each in self.found if not each.note)

    @property
    def notes(self) -> tuple[Found, ...]:
        return tuple(each for each in self.found if each.note)
