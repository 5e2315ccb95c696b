"""What agents do in a storm, and what the policy says to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...capabilities import Capabilities, Capability
from ..conformance import Scene
from ..conformance.scenes import ask, book, delegate, note, pay, pick, reserve, ship, show
from ..conformance.world import free, rule

POLICY: Final = 'version = "1"\n' + "".join(
    (free("note"), free("ship"), rule("hurry", "reserve", level="confirm", deadline="2s"))
)
"""Notes are written and parcels shipped unasked; a reservation that nobody allows in time is refused."""

FREE: Final = frozenset({"note", "ship"})
REPEATABLE: Final = frozenset({"ship"})
"""Tools that are safe to repeat with the same key, and are repeated without asking when their process has died."""


@dataclass(frozen=True, slots=True)
class Play:
    """One agent. It is an app of its own, with a model of its own, in the one store."""

    name: str
    scene: Scene
    needs: tuple[Capability, ...] = ()

    def lacks(self, capabilities: Capabilities) -> bool:
        return any(capabilities[each].level == "absent" for each in self.needs)


_TALKS: Final = (Capability.ASK_QUESTIONS, Capability.OFFER_CHOICES, Capability.REVIEW_OUTPUT)
_AT_ONCE: Final = (Capability.PARALLEL_PAUSES,)
_NESTED: Final = (Capability.NESTED_PAUSES,)

PLAYS: Final = {
    each.name: each
    for each in (
        Play("short", Scene.of(note("first"), pay("A", 1.5))),
        Play("modes", Scene.of(ship("S"), (pay("B", 20.25), book("K")), reserve("R")), _AT_ONCE),
        Play(
            "whole",
            Scene.of((pay("C", 3.0), ask()), pick(), show(), delegate(), helper=(note("inside"), pay("D", 4.0))),
            (*_TALKS, *_AT_ONCE, *_NESTED),
        ),
    )
}
