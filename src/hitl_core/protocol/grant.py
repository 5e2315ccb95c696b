"""Standing grants: what a person lets run without being asked each time, within a scope, limits and a time."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue

from .action import Action
from .record import Instant, Name, Record, Text, TopRecord
from .response import Responder


class GrantState(StrEnum):
    """Where a grant stands. Only an active one lets anything run."""

    ACTIVE = "active"
    USED_UP = "used_up"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Allowance(Record):
    """What a grant lets run: calls of one tool, and of those only what every field given here admits.

    `agent` is the one that acts, `run_id` one run. `when` is a condition as it would stand in a policy file, about
    arguments and the time of day. `times` is how many calls there may be; `most` is what their arguments at the path
    `sum_of` may add up to. `definition` is that of the tool at the time.
    """

    tool: Name
    agent: Name | None = None
    run_id: Name | None = None
    when: dict[str, JsonValue] | None = None
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    sum_of: Name | None = None
    most: Annotated[float, Field(gt=0, le=1_000_000_000)] | None = None
    definition: Text | None = None


class Grant(TopRecord):
    """One standing grant: what it allows in which tenant, by whom, until when, and what was made of it.

    `used` and `spent` count the calls that have begun under it; one that is in doubt counts.
    """

    id: Name
    allows: Allowance
    tenant: Name
    by: Responder
    reason: Text = ""
    given_at: Instant
    expires_at: Instant
    used: int = 0
    spent: float = 0
    revoked_at: Instant | None = None
    revoked_by: Name | None = None

    def state(self, now: datetime) -> GrantState:
        """Where it stands at this time. What has ended stays so, whatever else is true of it."""
        if self.revoked_at is not None:
            return GrantState.REVOKED
        if now >= self.expires_at:
            return GrantState.EXPIRED
        allows = self.allows
        spent = allows.most is not None and self.spent >= allows.most
        return GrantState.USED_UP if spent or self.used >= (allows.times or self.used + 1) else GrantState.ACTIVE


def acting(action: Action) -> str | None:
    """The agent that an action is one of."""
    origin = action.origin
    return origin.agent or (origin.path[-1] if origin.path else None)
