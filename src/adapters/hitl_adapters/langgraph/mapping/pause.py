"""What goes in and out of the mapping: a native pause, and what a PauseRequest needs to show and answer it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from hitl_core.protocol import Json, Kind, OnTimeout, Option, Reply

ENVELOPE: Final = "hitl_core/request"
"""Key of the payload with which our own gate interrupts. Anybody can write it, so only the store makes it ours."""


@dataclass(frozen=True, slots=True)
class NativePause:
    """One pending interrupt, as `get_state(cfg).tasks[*].interrupts` has it, or one static breakpoint.

    `path` names the graph levels above `node`, root first (`("sub",)` for a node of the subgraph `sub`). `value` is
    plain JSON; `parts` and `fault` say what had to be rendered to be so (see rendering). `static` says on which side of
    the node a compiled-in breakpoint holds; it has no value and no answer.
    """

    interrupt_id: str
    node: str
    path: tuple[str, ...] = ()
    value: Json = None
    response_schema: dict[str, Json] | None = None
    static: Literal["before", "after"] | None = None
    parts: frozenset[str] = frozenset()
    fault: str = ""

    @property
    def place(self) -> str:
        """The site as users name it in `[backend.options.codecs]`: `sub/node`."""
        return "/".join((*self.path, self.node))


@dataclass(frozen=True, slots=True)
class Lifted:
    """What a PauseRequest is built from. One interrupt may give several; all must be settled to resume it.

    `index` is its place among them. `codec` is JSON for `PauseRequest.handle`: another process lowers by it. `allowed`
    are the replies that the paused code can be told; the adapter adds those it carries out itself (cancel, delegate).
    """

    index: int
    kind: Kind
    tool: str
    arguments: dict[str, Json]
    title: str
    allowed: tuple[Reply, ...]
    codec: dict[str, Json]
    options: tuple[Option, ...] = ()
    answer_schema: dict[str, Json] | None = None
    arguments_schema: dict[str, Json] | None = None
    message: str = ""
    details: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gated:
    """The payload claims to be our gate's own question at `call`. Only the store can say whether it is."""

    call: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody answered in time: the request's `on_timeout` decides. Refuse lowers as a rejection with `message`."""

    on_timeout: OnTimeout = OnTimeout.REFUSE
    message: str = "Nobody answered before the deadline, so this was refused."


def envelope(call: str, **shown: Json) -> dict[str, Json]:
    """The payload of our own interrupts. What is `shown` helps people who look at the thread with other tools."""
    return {ENVELOPE: call, **shown}
