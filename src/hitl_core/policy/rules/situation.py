"""What a policy is asked about outside a run: an action, its facts, what began before, and what should come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from ...protocol import Action
from .rule import Facts


@dataclass(frozen=True, slots=True)
class Situation:
    """An action at a moment. `before` are the actions that had begun by then, each at the moment of its own facts."""

    action: Action
    facts: Facts
    before: tuple[tuple[Action, Facts], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What should be decided; None where nothing is said. `level` is a level or `deny`."""

    level: str | None = None
    rule: str | None = None
    users: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    quorum: int | None = None
    deadline: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a cases file."""

    name: str
    situation: Situation
    expected: Expected = field(default_factory=Expected)
