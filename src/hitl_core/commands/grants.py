"""Commands and queries about standing grants. Their use is counted by BeginEffect, in its own transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..protocol import Grant
from .kinds import Command, Query


@dataclass(frozen=True, slots=True)
class GiveGrant(Command[Grant]):
    """Put a grant in force. Raises RunNotFound if it is for a run that does not exist."""

    grant: Grant
    now: datetime


@dataclass(frozen=True, slots=True)
class RevokeGrant(Command[Grant]):
    """Take a grant back: nothing begins under it any more. Twice is harmless. Raises GrantNotFound."""

    grant_id: str
    by: str
    reason: str
    now: datetime
    authenticated_by: str = "assertion"


@dataclass(frozen=True, slots=True)
class ListGrants(Query[tuple[Grant, ...]]):
    """The newest grants first, those that have ended included. `tool`, `tenant` and `id` narrow.

    With a place in a run (`run_id`, `call`), what has begun there is left out of what was used: a call that begins
    again is not held back by itself.
    """

    tool: str | None = None
    tenant: str | None = None
    run_id: str | None = None
    call: str = ""
    limit: int = 100
    id: str | None = None
