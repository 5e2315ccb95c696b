"""What the adapter keeps with a run: the LangGraph checkpoint of its last pause, and the places that waited there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self, cast

from langgraph.types import StateSnapshot

from hitl_core.errors import AppChanged
from hitl_core.protocol import Json

VERSION: Final = 1

_KEYS: Final = ("thread_id", "checkpoint_ns", "checkpoint_id")


@dataclass(frozen=True, slots=True)
class Kept:
    """`paused` is the config of the checkpoint, `waits` the calls that waited, `nodes` the nodes they waited in.

    `broken` says that the run has failed since, so that the thread may stand elsewhere.
    """

    paused: dict[str, str]
    waits: tuple[str, ...]
    nodes: tuple[str, ...]
    broken: bool = False

    @classmethod
    def of(cls, snapshot: StateSnapshot, waits: set[str]) -> Self:
        configurable = snapshot.config.get("configurable", {})
        paused = {key: str(configurable[key]) for key in _KEYS if key in configurable}
        return cls(paused, tuple(sorted(waits)), tuple(sorted(set(snapshot.next))))

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
        return cls(paused, tuple(waits), tuple(nodes), bool(checkpoint.get("broken")))

    def to_json(self, *, broken: bool = False) -> Json:
        record = {"version": VERSION, "paused": self.paused, "waits": list(self.waits), "nodes": list(self.nodes)}
        return cast("Json", {**record, "broken": True} if broken else record)
