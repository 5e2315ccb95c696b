"""Where a process is killed: at random, and again at the same place for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from ..crashing import CrashPoint, points

Kind = Literal["command", "tool", "model", "moment"]
Role = Literal["all", "works", "answers"]

KINDS: Final[dict[Kind, int]] = {"command": 4, "moment": 3, "tool": 2, "model": 2}
"""How often each kind of place is chosen, against the others."""

ROLES: Final[dict[Role, int]] = {"all": 4, "works": 1, "answers": 1}
"""What a process is there for: it answers and goes on, it only goes on, it only answers."""

MOST_KILLS: Final = 3
"""How often one run is killed at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place to die in one process.

    "command": before or after the `nth` command NAME to the store. "tool": before or after the effect of the next call
    of the tool NAME. "model": while the model answers its `nth` call. "moment": `seconds` after the process began, in
    whatever it does then.
    """

    kind: Kind
    name: str = ""
    when: Literal["before", "after"] = "after"
    nth: int = 1
    seconds: float = 0.0

    def __str__(self) -> str:
        match self.kind:
            case "command":
                return f"{self.when} {self.name} {self.nth}"
            case "tool":
                return f"{self.when} the effect of {self.name}"
            case "model":
                return f"in call {self.nth} of the model"
            case _:
                return f"after {self.seconds:.3f} s"


@dataclass(frozen=True, slots=True)
class Life:
    """One process: what it is there for, and where it dies. Without a place it lives on."""

    role: Role = "all"
    place: Place | None = None

    def __str__(self) -> str:
        return f"{self.role}, killed {self.place}" if self.place else self.role


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What one undisturbed process did: the commands it gave, the tools it ran, its model calls, how long it took."""

    commands: tuple[str, ...]
    tools: tuple[str, ...]
    calls: int
    seconds: float


def lives(rehearsal: Rehearsal, random: Random) -> list[Life]:
    """The processes that will be killed in one run, one after the other."""
    return [_life(rehearsal, random) for _ in range(random.randint(1, MOST_KILLS))]


def _life(rehearsal: Rehearsal, random: Random) -> Life:
    (role,) = random.choices(list(ROLES), list(ROLES.values()))
    return Life(role, _place(rehearsal, random))


def _place(rehearsal: Rehearsal, random: Random) -> Place:
    (kind,) = random.choices(list(KINDS), list(KINDS.values()))
    match kind:
        case "tool" if rehearsal.tools:
            return Place("tool", random.choice(rehearsal.tools), random.choice(("before", "after")))
        case "model" if rehearsal.calls:
            return Place("model", nth=random.randint(1, rehearsal.calls))
        case "moment":
            return Place("moment", seconds=random.uniform(0, rehearsal.seconds))
        case _:
            return _boundary(points(rehearsal.commands), random)


def _boundary(found: Sequence[CrashPoint], random: Random) -> Place:
    at = random.choice(found)
    return Place("command", at.command, at.when, at.nth)
