"""The queue: what an inbox holds, in an order and narrowed as its reader wants. Page by page, however much there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..protocol import Level
from .kinds import Query
from .results import Page, Settled


class Order(StrEnum):
    """What comes first: what has waited longest, what ends soonest, or what needs most of a person."""

    ARRIVAL = "arrival"
    DEADLINE = "deadline"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class ListQueue(Query[Page[Settled]]):
    """Open requests in an order. Empty filters mean everything.

    `roles` and `users` keep requests that any of these (or nobody in particular) may decide, `tenant` those of its
    runs, `agents` those that one of them has to do with. `put_off`: those that somebody put off, and no others, in
    order of arrival. `notices`: what people are told without being asked, newest first.
    """

    order: Order = Order.ARRIVAL
    levels: tuple[Level, ...] = ()
    tools: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    tenant: str | None = None
    put_off: bool = False
    notices: bool = False
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many open requests there are of each level; where `all` is False there are more, and each is "at least"."""

    levels: Mapping[Level, int]
    put_off: int
    all: bool = True


@dataclass(frozen=True, slots=True)
class CountQueue(Query[QueueCounts]):
    """How much an inbox holds, as in ListQueue. Never more than `most` are counted."""

    roles: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    tenant: str | None = None
    most: int = 1_000
