"""A message before it has the form of its channel."""

from __future__ import annotations

from dataclasses import dataclass

from ...people import Person
from ...protocol import PauseRequest


@dataclass(frozen=True, slots=True)
class Item:
    """One request in a message. `link` leads to it; `more` is how many others of its agent go unmentioned."""

    request: PauseRequest
    link: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to one address at once. Without a `person` it goes to many, who sign in to answer.

    `id` stays the same however often it is tried, so that a receiver can tell.
    """

    id: str
    address: str
    items: tuple[Item, ...]
    person: Person | None = None
