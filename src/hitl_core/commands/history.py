"""What has begun before: asked by the gate for rules that look at the past, and checked again when an action begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..policy import Past, Question, Tally
from .kinds import Command, Query


@dataclass(frozen=True, slots=True)
class ReadHistory(Query[tuple[Past, ...]]):
    """The answers to questions about the past, in their order. What began at `call` of the run is left out."""

    questions: tuple[Question, ...]
    run_id: str
    call: str
    now: datetime


@dataclass(frozen=True, slots=True)
class PruneHistory(Command[str]):
    """Delete what was counted in a series until `before`, which no look at the past reaches any more.

    At most `limit` rows are deleted and `limit` places looked at; where to go on (for `after`) comes back, empty at the
    end. The trail is not touched: what began stays in it.
    """

    series: str
    before: datetime
    after: str = ""
    limit: int = 500


@dataclass(frozen=True, slots=True)
class Counted:
    """What an action adds to a series when it begins, and the past that the decision about it knew."""

    tally: Tally
    past: Past
