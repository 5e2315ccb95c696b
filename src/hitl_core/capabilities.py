"""What an adapter may be able to do, and how it has to answer for each: natively, emulated, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class Capability(StrEnum):
    """Abilities that frameworks differ in. Pausing, approving and refusing are not here: every adapter does those."""

    GATE_TOOLS = "gate_tools"
    LIFT_NATIVE_PAUSES = "lift_native_pauses"
    EDIT_ARGUMENTS = "edit_arguments"
    RESPOND_IN_PLACE = "respond_in_place"
    ASK_QUESTIONS = "ask_questions"
    OFFER_CHOICES = "offer_choices"
    CLIENT_TOOLS = "client_tools"
    """To give the agent of one run tools that the run was started with, which whoever started it carries out."""
    REVIEW_OUTPUT = "review_output"
    HANDOFF_TO_HUMAN = "handoff_to_human"
    PARALLEL_PAUSES = "parallel_pauses"
    NESTED_PAUSES = "nested_pauses"
    SURVIVE_RESTART = "survive_restart"
    DETECT_IN_DOUBT = "detect_in_doubt"
    STREAM_EVENTS = "stream_events"
    SHOW_WORDS = "show_words"
    """To show people what the agent says with a call, and since they asked it about an earlier one."""
    STEER = "steer"
    DRAIN = "drain"
    UNDO_BY_FORK = "undo_by_fork"
    """To fork the framework's state at the last pause: `rewind`. The declared undo of tools needs nothing of it."""
    KEEP_THREADS = "keep_threads"
    """To remember what the earlier runs of a thread have said: native where the framework does, which is then given the
    new message only; else each run is given the whole conversation."""
    NEUTRAL_SPEC = "neutral_spec"


@dataclass(frozen=True, slots=True)
class Support:
    """How a capability is met. `emulated` and `absent` must say why."""

    level: Literal["native", "emulated", "absent"]
    because: str = ""

    def __post_init__(self) -> None:
        if self.level != "native" and not self.because:
            raise ValueError(f"support {self.level!r} needs a reason")


NATIVE: Final = Support("native")

Capabilities = Mapping[Capability, Support]


def emulated(because: str) -> Support:
    """Done by us on top of what the framework has."""
    return Support("emulated", because)


def absent(because: str) -> Support:
    """Cannot be done; asking for it is refused by name."""
    return Support("absent", because)
