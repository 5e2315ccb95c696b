"""Facts under the names of what they answer, and the words that times, values and people are told in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ...protocol import AuditEntry, Json, Responder


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known, under the name of what it answers."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """Facts that belong together, in the order in which they are read."""

    title: str
    facts: tuple[Fact, ...]


def chapter(title: str, facts: dict[str, str]) -> Chapter:
    """Without what there is nothing to say about."""
    return Chapter(title, tuple(Fact(name, value) for name, value in facts.items() if value))


def when(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def in_json(value: Json) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def who(responder: Responder) -> str:
    """A person, in which roles, for whom, and how it is known that it was them."""
    roles = f", as {', '.join(responder.roles)}" if responder.roles else ""
    instead = "" if responder.acting_for is None else f", in the place of {responder.acting_for.id}, who is away"
    return f"{responder.id}{roles}{instead}, {known(responder.authenticated_by)}, through {responder.channel}"


def known(authenticated_by: str) -> str:
    """How it is known that somebody was the one who is named."""
    return "who merely stated this name" if authenticated_by == "assertion" else f"known by {authenticated_by}"


def names(users: Sequence[str], roles: Sequence[str]) -> str:
    return ", ".join([*users, *(f"anybody in the role {role}" for role in roles)]) or "anybody"


def body_of(entry: AuditEntry) -> dict[str, Json]:
    """What a line says besides; nothing, if it was made to say what is no JSON object."""
    try:
        found = json.loads(entry.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def texts(value: Json) -> list[str]:
    """The texts of a list of a line."""
    return [str(each) for each in value] if isinstance(value, list) else []
