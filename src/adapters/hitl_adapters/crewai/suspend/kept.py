"""The checkpoint: what another process needs to put a fresh crew or flow where this one stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self, cast

from hitl_core.errors import AppChanged
from hitl_core.protocol import Json

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """`fingerprint` is the app's shape, `calls` the places that wait, `tasks` what ended tasks came to."""

    fingerprint: str = ""
    calls: tuple[str, ...] = ()
    tasks: tuple[Json, ...] = ()

    @classmethod
    def read(cls, checkpoint: Json) -> Self:
        """Empty before the first pause. Raises AppChanged for a checkpoint of another release."""
        if checkpoint is None:
            return cls()
        found = cast("dict[str, Any]", checkpoint if isinstance(checkpoint, dict) else {})
        if found.get("version") != VERSION:
            raise AppChanged(f"the checkpoint has version {found.get('version')!r}; this release reads {VERSION}")
        return cls(found["fingerprint"], tuple(found["calls"]), tuple(found["tasks"]))

    def to_json(self) -> Json:
        return {
            "version": VERSION,
            "fingerprint": self.fingerprint,
            "calls": list(self.calls),
            "tasks": list(self.tasks),
        }
