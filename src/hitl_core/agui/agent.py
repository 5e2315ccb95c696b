"""What a page calls an agent: an app under oversight, and how its conversation becomes the app's input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..capabilities import Capability
from ..errors import AdapterNotInstalled, AdapterTooOld
from ..protocol import Json, Said
from ..runtime import Runtime
from .reading import Heard, Posted


class Wire(StrEnum):
    """How an interrupt is told: as AG-UI's outcome, as CopilotKit's older event `on_interrupt`, or in both ways."""

    STANDARD = "standard"
    BOTH = "both"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a new run of a conversation is made from. `said` is all of it before; `heard` what its user says now."""

    thread: str
    said: tuple[Said, ...]
    heard: tuple[Heard, ...]
    state: Json
    context: tuple[tuple[str, str], ...]


ToInput = Callable[[Beginning], Any]
"""The input of an app for what a conversation begins with."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An app as pages see it. `to_input` None makes `{"messages": […]}`, which every agent made from a spec takes.

    `asks_with` is the tool by which a page that has it is asked everything, in place of interrupts; "" for none.
    `others` are the apps of the other agents there, each with its backend before it: their conversations are theirs.
    """

    name: str
    hitl: Runtime
    description: str = ""
    to_input: ToInput | None = None
    wire: Wire = Wire.STANDARD
    asks_with: str = ""
    others: frozenset[tuple[str, str]] = frozenset()

    @property
    def app(self) -> tuple[str, str]:
        """What its runs are known by, in the store and to workers."""
        return self.hitl.adapter.name, self.hitl.settings.app

    def can(self, capability: Capability) -> bool:
        """Whether the backend can do this, by itself or with our help. What is not installed here can do nothing."""
        try:
            return self.hitl.adapter.capabilities[capability].level != "absent"
        except (AdapterNotInstalled, AdapterTooOld):
            return False

    def input_for(self, posted: Posted, said: tuple[Said, ...], heard: tuple[Heard, ...]) -> Any:
        """The input of a run for what a page's user says."""
        if self.to_input is not None:
            return self.to_input(Beginning(posted.thread, said, heard, posted.state, posted.context))
        remembers = self.hitl.adapter.capabilities[Capability.KEEP_THREADS].level == "native"
        before = [] if remembers else [_message(each.role, each.text) for each in said if each.text and not each.call]
        now = [{**_message("user", each.text), "id": each.id} for each in heard]
        return {"messages": [*before, *now]}


def _message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}
