"""What the adapter keeps with a run: the LangGraph checkpoint of its last pause, and the places that waited there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self, cast

from hitl_core.errors import AppChanged
from hitl_core.protocol import Json

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """`paused` is the config of the checkpoint, `waits` the calls that waited, `nodes` the nodes they waited in.

    `app` is the app's fingerprint then, "" if it did not show the places that waited. `broken` says that the run has
    failed since, so that the thread may stand elsewhere.
    """

    paused: dict[str, str]
    waits: tuple[str, ...]
    nodes: tuple[str, ...]
    app: str = ""
    broken: bool = False

    @classmethod
    def read(cls, checkpoint: Json) -> Self | None:
        """None before the first pause. Raises AppChanged for a checkpoint of another release."""
        if not isinstance(checkpoint, dict) or not checkpoint:
            return None
        found = checkpoint.get("version")
        if found != VERSION:
            raise AppChanged(f"the checkpoint has version {found!r}; this release reads {VERSION}")
        paused = cast("dict[str, str]", checkpoint["paused"])
        waits, nodes = cast("list[str]", checkpoint["waits"]), cast("list[str]", checkpoint["nodes"])
        app, broken = str(checkpoint.get("app", "")), bool(checkpoint.get("broken"))
        return cls(paused, tuple(waits), tuple(nodes), app, broken)

    def to_json(self, *, broken: bool = False) -> Json:
        record = {
            "version": VERSION,
            "paused": self.paused,
            "waits": list(self.waits),
            "nodes": list(self.nodes),
            "app": self.app,
        }
        return cast("Json", {**record, "broken": True} if broken else record)
