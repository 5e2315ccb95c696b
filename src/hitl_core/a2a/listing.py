"""What a list of tasks is asked for, read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from a2a.types import ListTasksRequest

from ..errors import Fault, NotUnderstood
from ..protocol import Run, RunState
from .tasks import STATES

PAGE: Final = 50
MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """Which tasks are asked for. No `states` are all of them, unless it was a state that no task here ever has."""

    states: tuple[RunState, ...]
    limit: int
    cursor: str | None
    after: datetime | None

    @classmethod
    def read(cls, params: ListTasksRequest) -> Self:
        """Raises NotUnderstood."""
        limit = params.page_size if params.HasField("page_size") else PAGE
        if not 1 <= limit <= MOST:
            raise NotUnderstood([Fault("page_size", f"is {limit}; it may be from 1 to {MOST}")])
        states = tuple(state for state, theirs in STATES.items() if theirs == params.status)
        after = params.status_timestamp_after
        since = after.ToDatetime(UTC) if params.HasField("status_timestamp_after") else None
        return cls(states, limit, params.page_token or None, since)

    def keeps(self, run: Run) -> bool:
        return self.after is None or run.updated_at >= self.after
