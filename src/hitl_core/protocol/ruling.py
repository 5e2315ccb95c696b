"""What the policy says about one action: the level of autonomy, who decides, until when, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from .hours import Hours
from .record import Name, Record, Text

GROUP: Final = "group:"
"""What stands before the name of a group where roles are asked: `roles = ["group:finance"]`."""


class Level(StrEnum):
    """The autonomy spectrum, from least to most human."""

    AUTONOMOUS = "autonomous"
    NOTIFY = "notify"
    CONFIRM = "confirm"
    COLLABORATE = "collaborate"
    HUMAN_LEADS = "human_leads"

    @property
    def rank(self) -> int:
        """0 for autonomous … 4 for human_leads; a greater rank is stricter."""
        return tuple(Level).index(self)


class OnTimeout(StrEnum):
    """What a passed deadline means."""

    REFUSE = "refuse"
    PROCEED = "proceed"
    CANCEL_RUN = "cancel_run"


class Stage(Record):
    """One of several groups of people who have to agree, one group after the other."""

    users: tuple[Name, ...] = ()
    roles: tuple[Name, ...] = ()
    quorum: Annotated[int, Field(ge=1, le=100)] = 1


class Approvers(Record):
    """Who may decide. Empty `users` and `roles` mean anybody who can reach the inbox.

    `quorum` people have to agree, each of them another one; with `stages`, those of each stage in its turn instead.
    `separate_from`: whoever let a call of one of these tools run in the same run may not let this one run. `assign`: of
    those who may decide, as many as are needed are asked, in turn.
    """

    users: tuple[Name, ...] = ()
    roles: tuple[Name, ...] = ()
    quorum: Annotated[int, Field(ge=1, le=100)] = 1
    allow_self: bool = False
    stages: tuple[Stage, ...] = ()
    separate_from: tuple[Name, ...] = ()
    assign: bool = False

    @property
    def in_order(self) -> tuple[Stage, ...]:
        """Who has to agree, one after the other; without `stages` that is one stage."""
        return self.stages or (Stage(users=self.users, roles=self.roles, quorum=self.quorum),)

    @property
    def needed(self) -> int:
        """How many people have to agree in all."""
        return sum(stage.quorum for stage in self.stages) if self.stages else self.quorum


class Escalation(Record):
    """Who is asked too once a request has been open for this long; with `instead`, nobody else any more.

    `reassign`: those whose turn it is next, instead; who they are is known once the request is assigned.
    """

    after_seconds: Annotated[float, Field(gt=0)]
    users: tuple[Name, ...] = ()
    roles: tuple[Name, ...] = ()
    instead: bool = False
    reassign: bool = False


class Ruling(Record):
    """The policy's answer for one action, recorded with it and not computed again on resume.

    `veto_seconds` (with level notify): announce, then run after that delay unless somebody vetoes.
    `deadline_seconds` and `on_timeout` say how long a question may stay open and what its end means. `remind_seconds`
    and `escalation` count from the same moment; with `hours`, all three count working hours. `batch`: may be answered
    together with others. `doubtful`: it asks because something could not be checked.
    """

    effect: Literal["allow", "deny"] = "allow"
    level: Level = Level.CONFIRM
    rule: Name
    version: Name
    why: Text
    approvers: Approvers = Approvers()
    deadline_seconds: Annotated[float, Field(gt=0)] | None = None
    on_timeout: OnTimeout = OnTimeout.REFUSE
    veto_seconds: Annotated[float, Field(gt=0)] | None = None
    remind_seconds: tuple[Annotated[float, Field(gt=0)], ...] = ()
    escalation: tuple[Escalation, ...] = ()
    hours: Hours | None = None
    batch: bool = False
    doubtful: bool = False

    @property
    def denied(self) -> bool:
        return self.effect == "deny"

    @property
    def asks(self) -> bool:
        """Whether the action has to wait: for a person, or for its veto window to pass."""
        return self.level.rank >= Level.CONFIRM.rank or self.veto_seconds is not None

    def stricter_than(self, level: Level) -> bool:
        """Whether this ruling holds back more than a decision at `level` satisfies."""
        return self.denied or self.level.rank > level.rank
