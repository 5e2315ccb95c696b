"""The checkpoint of a pause: the SDK's state, the versions that wrote it, and the agents it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agents import Agent, RunState
from agents.exceptions import AgentsException

from hitl_core.errors import AppChanged
from hitl_core.protocol import Json

from ..errors import in_words, numbers, schema_version, sdk_version

VERSION = 1

Graph = dict[str, Json]
"""What a state is about: each agent with its tools and the agents it hands over to."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run keeps between two turns. `answered` counts the answers of models, by the call they worked inside.

    `waits` are the calls that it waits at, each with the version of the state in which it did so first. `pauses` counts
    the pauses, `branch` how often it was taken back to one, `asked` how often people were asked anew after a failure.
    """

    state: dict[str, Any] | None = None
    graph: Graph = field(default_factory=dict)
    answered: Mapping[str, int] = field(default_factory=dict)
    pauses: int = 0
    branch: int = 0
    asked: int = 0
    waits: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, checkpoint: Json) -> Kept:
        """Raises AppChanged for one that this release, or the installed SDK, cannot read."""
        if checkpoint is None:
            return cls()
        if not isinstance(checkpoint, dict) or checkpoint.get("version") != VERSION:
            version = checkpoint.get("version") if isinstance(checkpoint, dict) else None
            raise AppChanged(f"the checkpoint has version {version!r}; this release reads {VERSION}")
        require_readable(str(checkpoint["sdk"]), str(checkpoint["schema"]))
        return cls(
            state=cast("dict[str, Any]", checkpoint["state"]),
            graph=cast("Graph", checkpoint["graph"]),
            answered=cast("dict[str, int]", checkpoint["answered"]),
            pauses=cast("int", checkpoint["pauses"]),
            branch=cast("int", checkpoint["branch"]),
            asked=cast("int", checkpoint["asked"]),
            waits=cast("dict[str, str]", checkpoint["waits"]),
        )

    def to_json(self) -> Json:
        return {
            "version": VERSION,
            "sdk": sdk_version(),
            "schema": schema_version(),
            "state": cast("Json", self.state),
            "graph": self.graph,
            "answered": cast("Json", dict(self.answered)),
            "pauses": self.pauses,
            "branch": self.branch,
            "asked": self.asked,
            "waits": cast("Json", dict(self.waits)),
        }


def require_readable(sdk: str, schema: str) -> None:
    """The SDK reads the states of older releases, never of newer ones (research §3). Raises AppChanged."""
    if numbers(schema) > numbers(schema_version()):
        here = f"openai-agents {sdk_version()} reads up to {schema_version()}"
        raise AppChanged(f"this run was paused by openai-agents {sdk} (state {schema}); {here}. Nothing ran")


def require_same(before: Graph, now: Graph) -> None:
    """What the pause was about must still be there; what was added does no harm. Raises AppChanged."""
    lost = [f"agent {name!r}" for name in before if name not in now]
    for name in before.keys() & now.keys():
        was, is_ = cast("dict[str, list[str]]", before[name]), cast("dict[str, list[str]]", now[name])
        for part in was:
            gone = [each for each in was[part] if each not in is_.get(part, ())]
            lost += [f"{part.removesuffix('s')} {each!r} of agent {name!r}" for each in gone]
    if lost:
        raise AppChanged(f"the app no longer has {', '.join(sorted(lost))}, with which this run paused; nothing ran")


async def restored(root: Agent[Any], kept: Kept, graph: Graph, context: Any, *, max_turns: int | None) -> RunState[Any]:
    """The state of the last pause, for agents built anew. Raises AppChanged if they are not the ones that paused.

    `max_turns` is the limit of now: the SDK keeps that of the start, and a run that reached it could never go on.
    """
    assert kept.state is not None
    require_same(kept.graph, graph)
    try:
        return await RunState.from_json(root, {**kept.state, "max_turns": max_turns}, context_override=context)
    except AgentsException as exc:
        raise AppChanged(f"the state of this run does not fit its agents: {in_words(exc)}. Nothing ran") from exc


def written(state: RunState[Any], context: Any) -> dict[str, Any]:
    """A state as JSON. Nothing of the app's own context is kept: the app makes it anew."""
    return state.to_json() if context is None else state.to_json(context_serializer=lambda _: {})
