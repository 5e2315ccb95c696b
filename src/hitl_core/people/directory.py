"""Who a person is, and what a directory of people must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from ..protocol import GROUP

EVERY_TENANT: Final = "*"
"""The tenant of a person who sees and decides in all of them."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which somebody is away: from its start, until the moment at which they are back.

    Raises ValueError for a moment without its offset from UTC, which nobody could compare with now.
    """

    start: datetime
    until: datetime

    def __post_init__(self) -> None:
        for moment in (self.start, self.until):
            if moment.utcoffset() is None:
                raise ValueError(f"{moment!r} has no offset from UTC; give it its tzinfo, such as datetime.UTC")


@dataclass(frozen=True, slots=True)
class Person:
    """One person. While they are away, `delegate` (the id of another person) may decide for them.

    `addresses` are where messages reach them, by the name of the route (`[messages.NAME]`).
    """

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tenant: str = "default"
    delegate: str | None = None
    away: tuple[Absence, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)

    @property
    def acts_in(self) -> tuple[str, ...]:
        """The roles that a request can ask for: the person's own, and each group as `group:NAME`."""
        return (*self.roles, *(GROUP + group for group in self.groups))

    def is_away(self, now: datetime) -> bool:
        return any(absence.start <= now < absence.until for absence in self.away)

    def belongs_to(self, tenant: str) -> bool:
        """Whether what this tenant's runs ask is the person's business."""
        return self.tenant in (tenant, EVERY_TENANT)


class Directory(Protocol):
    """Where people are looked up. It is asked for each decision: what it cannot say counts as unknown."""

    async def person(self, id: str) -> Person | None:
        """The person with this id, None if nobody has it."""
        ...

    async def members(self, role: str) -> tuple[Person, ...]:
        """Everybody who acts in this role (a group is `group:NAME`), of whatever tenant, in a lasting order."""
        ...

    async def delegators(self, id: str) -> tuple[Person, ...]:
        """Everybody who has named this person as their delegate, away or not."""
        ...


@runtime_checkable
class ListsPeople(Protocol):
    """A directory that can say whom it has, for what is checked beforehand. Nobody has to be one."""

    async def everybody(self) -> tuple[Person, ...]:
        """Everybody, of every tenant."""
        ...
