"""What a storm does to whom, and when: drawn from its seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from .ground import LEASE

Kind = Literal["kill", "freeze", "server"]

KINDS: Final[dict[Kind, int]] = {"kill": 10, "freeze": 4, "server": 1}
"""How often each is chosen, against the others."""

ROLES: Final = {"worker": 12, "person": 4, "starter": 2, "operator": 2}
"""How often somebody of each role is hit, against the others."""


@dataclass(frozen=True, slots=True)
class Gust:
    """`at`: seconds after the storm began. `seconds`: how long somebody is frozen. `share` picks one of a role."""

    at: float
    kind: Kind
    role: str = ""
    share: float = 0.0
    seconds: float = 0.0


def weather(seed: int, *, seconds: float, every: float, server: bool) -> Iterator[Gust]:
    """The gusts of a storm, one every so many seconds on the average. `server`: whether it can be stopped as well."""
    random = Random(f"{seed} weather")  # noqa: S311  # to be blown again, not to be secret
    kinds: dict[Kind, int] = {kind: weight for kind, weight in KINDS.items() if server or kind != "server"}
    at = random.expovariate(1 / every)
    while at < seconds:
        (kind,) = random.choices([*kinds], [*kinds.values()])
        (role,) = random.choices([*ROLES], [*ROLES.values()])
        yield Gust(at, kind, role, random.random(), random.uniform(0.2, 2 * LEASE))
        at += random.expovariate(1 / every)
