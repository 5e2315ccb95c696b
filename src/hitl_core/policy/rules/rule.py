"""Rules as records: what they match, what they ask for, and the facts that they are decided on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from ...protocol import Approvers, Hours, Json, Level, OnTimeout
from .conditions import Condition
from .history import Past, Question

DEFAULT_RULE: Final = "default"
"""The rule id of a ruling that no rule made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything besides the action that a decision depends on. None means not known.

    `agent` is the one that acts (None: as the action's origin says). `confidence` is from 0 to 1. `context`
    is free JSON that conditions can look into. Unknown reversibility counts as irreversible. `history` answers the
    questions of `Policy.asks`; what it does not answer cannot be checked, so it asks.
    """

    now: datetime
    backend: str | None = None
    environment: str | None = None
    agent: str | None = None
    tags: Collection[str] = ()
    reversible: bool | None = None
    risk: str | None = None
    started_by: str | None = None
    run: str | None = None
    tenant: str | None = None
    confidence: float | None = None
    context: Mapping[str, Json] = field(default_factory=dict)
    history: Mapping[Question, Past] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Glob:
    """A name pattern: `*` is any characters, `?` is one; everything else is itself. Case counts."""

    pattern: str


Names = tuple[str | Glob, ...]
"""Any of these names; empty means every name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which actions a rule is about. Every field given must fit; within a field, any of its entries.

    `tags`: the action has at least one of them. `reversible`: False also fits unknown. `outside`: environments that
    the rule does not hold in; where the environment is not known, it holds.
    """

    tool: Names = ()
    agent: Names = ()
    backend: Names = ()
    environment: Names = ()
    tags: tuple[str, ...] = ()
    risk: tuple[str, ...] = ()
    reversible: bool | None = None
    outside: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether this leaves no action out."""
        return self == Match(outside=self.outside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """After this time without a decision these people are asked too; with `instead`, nobody else any more.

    With `reassign`, whoever's turn it is next is asked instead.
    """

    after: timedelta
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    instead: bool = False
    reassign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: for actions that fit `match` and `when`, this effect.

    `why` is shown to the people who decide; for `deny` it is what the model is told. `veto` (with level
    notify) announces the action and runs it after that delay unless somebody vetoes. `allow_irreversible` is
    the written reason why a level below confirm also holds for actions not known to be reversible. `remind` and
    `escalate` (each after its time) change who is asked, never what. These and `deadline` count `hours`. `batch`: may
    be answered together with others.
    """

    id: str
    why: str
    match: Match = Match()
    when: Condition | None = None
    effect: Literal["allow", "deny"] = "allow"
    level: Level | None = None
    approvers: Approvers | None = None
    deadline: timedelta | None = None
    on_timeout: OnTimeout | None = None
    veto: timedelta | None = None
    allow_irreversible: str = ""
    allow_timeout_approval: bool = False
    remind: tuple[timedelta, ...] = ()
    escalate: tuple[Escalate, ...] = ()
    hours: Hours | None = None
    batch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where rules say nothing: the level of unmatched actions, and approvers and times for all.

    A level below confirm needs `allow_unmatched`.
    """

    level: Level = Level.CONFIRM
    allow_unmatched: bool = False
    approvers: Approvers | None = None
    deadline: timedelta | None = None
    on_timeout: OnTimeout | None = None
    remind: tuple[timedelta, ...] = ()
    escalate: tuple[Escalate, ...] = ()
    hours: Hours | None = None
