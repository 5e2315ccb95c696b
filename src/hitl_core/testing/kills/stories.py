"""What an agent does while it is killed, what people say to it, and what must have happened in the end, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...capabilities import Capabilities, Capability
from ...gate import HAPPENED, NOT_HAPPENED
from ...protocol import Arguments, PauseRequest, Response
from ..conformance import Call, Scene
from ..conformance.scenes import ask, delegate, note, pay, pick, show
from ..conformance.world import answer, free

POLICY: Final = 'version = "1"\n' + free("note")
"""Notes are written unasked; all else asks."""

FREE: Final = frozenset({"note"})

Said = tuple[Any, ...]
"""The name of a decision and its fields: ("edit", {…})."""


@dataclass(frozen=True, slots=True)
class Story:
    """`says`: what people say about a payment, by its order. `happens`: the calls that have their effect, each once."""

    name: str
    scene: Scene
    says: Mapping[str, Said]
    happens: tuple[Call, ...]
    needs: tuple[Capability, ...] = ()

    def lacks(self, capabilities: Capabilities) -> list[Capability]:
        """What an adapter would need for this story, and has not."""
        return [each for each in self.needs if capabilities[each].level == "absent"]

    def truthfully(self, request: PauseRequest, happened: Callable[[str], bool]) -> Response:
        """What people say; of a call in doubt they say what the ledger says of its key."""
        if request.in_doubt:
            word = HAPPENED if happened(f"{request.run_id}:{request.call}") else NOT_HAPPENED
            return answer(request, "choose", word.id)
        return answer(request, *self._said(request))

    def _said(self, request: PauseRequest) -> Said:
        match request.action.tool:
            case "ask":
                return ("answer", "it was broken")
            case "pick":
                return ("choose", "green")
            case "show":
                return ("accept",)
            case "pay":
                return self.says[str(request.action.arguments["order"])]
            case _:
                return ("approve",)


def _with(call: Call, **changes: Any) -> Call:
    arguments: Arguments = {**call.arguments, **changes}
    return Call(call.tool, arguments)


_A, _B, _C = pay("A", 1.5), pay("B", 20.25), pay("C", 300.0)
_YES: Final[Said] = ("approve",)
_NO: Final[Said] = ("reject", "not that one")
_BY_HAND: Final[Said] = ("answer", "paid in cash")
_LESS: Final[Said] = ("edit", {"order": "B", "amount": 7.5})

_EDITS: Final = (Capability.EDIT_ARGUMENTS,)
_RESPONDS: Final = (Capability.RESPOND_IN_PLACE,)
_TALKS: Final = (Capability.ASK_QUESTIONS, Capability.OFFER_CHOICES, Capability.REVIEW_OUTPUT)
_AT_ONCE: Final = (Capability.PARALLEL_PAUSES,)
_NESTED: Final = (Capability.NESTED_PAUSES,)

STORIES: Final = {
    each.name: each
    for each in (
        Story("approve", Scene.of(note("first"), _A), {"A": _YES}, (note("first"), _A)),
        Story("edit", Scene.of(_B, note("after")), {"B": _LESS}, (_with(_B, amount=7.5), note("after")), _EDITS),
        Story("reject", Scene.of(_A, note("after")), {"A": _NO}, (note("after"),)),
        Story("respond", Scene.of(note("first"), _A), {"A": _BY_HAND}, (note("first"),), _RESPONDS),
        Story("words", Scene.of(ask(), pick(), show()), {}, (), _TALKS),
        Story("two at once", Scene.of((_A, _B)), {"A": _YES, "B": _NO}, (_A,), _AT_ONCE),
        Story("the same twice", Scene.of((_A, _A), note("after")), {"A": _YES}, (_A, _A, note("after")), _AT_ONCE),
        Story(
            "sub-agent",
            Scene.of(delegate(), note("after"), helper=(note("first"), _C)),
            {"C": _YES},
            (note("first"), _C, note("after")),
            _NESTED,
        ),
        Story(
            "all of it",
            Scene.of(note("first"), (_A, ask()), pick(), (_B, pay("D", 4.0)), delegate(), helper=(_C, pay("E", 5.0))),
            {"A": _YES, "B": _LESS, "C": _NO, "D": _BY_HAND, "E": _YES},
            (note("first"), _A, _with(_B, amount=7.5), pay("E", 5.0)),
            (*_EDITS, *_RESPONDS, *_TALKS, *_AT_ONCE, *_NESTED),
        ),
    )
}
