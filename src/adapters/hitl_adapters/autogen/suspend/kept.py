"""The checkpoint: what another process needs to put a fresh app where this one stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

from hitl_core.errors import AppChanged
from hitl_core.protocol import Json

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """`app` is the app's shape. `team` is a team's state with its paused participants, None for a single agent, which
    is replayed from its start. `counts` are the turns that were finished, `waits` the places that wait.

    `floor` says who handed the conversation to the person that has it. `handed` is a handoff to somebody outside the
    team, which ended it: who is asked, and by whom.
    """

    app: str
    team: dict[str, Any] | None
    counts: dict[str, int]
    waits: tuple[str, ...]
    floor: dict[str, str] = field(default_factory=dict)
    handed: dict[str, str] | None = None

    @classmethod
    def read(cls, checkpoint: Json) -> Self | None:
        """None before the first pause. Raises AppChanged for a checkpoint of another release."""
        if not isinstance(checkpoint, dict) or not checkpoint:
            return None
        if checkpoint.get("version") != VERSION:
            found = checkpoint.get("version")
            raise AppChanged(f"the checkpoint has version {found!r}; this release reads {VERSION}")
        held = cast("dict[str, Any]", checkpoint)
        return cls(
            held["app"], held["team"], held["counts"], tuple(held["waits"]), held.get("floor", {}), held.get("handed")
        )

    def to_json(self) -> Json:
        record = {
            "version": VERSION,
            "app": self.app,
            "team": self.team,
            "counts": self.counts,
            "waits": list(self.waits),
            "floor": self.floor,
            "handed": self.handed,
        }
        return cast("Json", record)
