"""From a form to a decision, with every fault at its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from ...errors import Fault
from ...protocol import OUTCOMES, DraftVersion, Json, Kind, PauseRequest, Reply, Responder, Response, decision_of
from ...wire import validation_faults
from .fields import Filled, fill
from .shapes import ABSENT

_TEXT: Final[dict[str, Json]] = {"type": "string", "format": "textarea"}

Typed = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody has said: an answer, or what is wrong with it."""

    response: Response | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What a form is about: the request as it was shown, and the versions of its draft, if it has one."""

    request: PauseRequest
    draft: Sequence[DraftVersion] = ()


def arguments_field(place: Place, typed: Typed | None = None) -> Filled:
    """The arguments as form fields."""
    arguments = place.draft[-1].arguments if place.draft else place.request.action.arguments
    return fill(place.request.arguments_schema, arguments, typed, name="arguments", path="arguments")


def answer_field(request: PauseRequest, typed: Typed | None = None, *, name: str = "value") -> Filled:
    """The answer, or the result of what somebody has done, as form fields. Where anything is an answer, words are."""
    schema = request.answer_schema
    if not schema and name == "value":
        schema = _TEXT if request.kind in (Kind.INPUT, Kind.HANDOFF, Kind.APPROVAL) else {}
    label = "Your answer" if name == "value" else "What came of it"
    return fill(_TEXT if schema is None else schema, ABSENT, typed, name=name, path=name, label=label)


def read(place: Place, typed: Typed, by: Responder) -> Said:
    """The answer that a form gives. What it says of the digest is that of what was shown."""
    reply = typed.get("decision", "")
    if reply not in _READERS:
        return Said(None, (Fault("decision", f"{reply!r} is none that can be given here"),))
    made, faults = _READERS[Reply(reply)](place, typed)
    if faults:
        return Said(None, faults)
    try:
        decision = decision_of({"type": reply, **made})
        response = Response.to(place.request, decision, by=by, reason=typed.get("reason", "").strip())
        shown = {"digest": typed.get("digest", "") or "not said", "idempotency_key": typed.get("key") or None}
        response = Response.model_validate({**dict(response), **shown})
    except ValidationError as exc:
        return Said(None, tuple(validation_faults(exc.errors(), below=1)))
    return Said(response)


_Read = tuple[dict[str, Any], tuple[Fault, ...]]


def _nothing(place: Place, typed: Typed) -> _Read:
    return {}, ()


def _words(name: str) -> Callable[[Place, Typed], _Read]:
    def read_words(place: Place, typed: Typed) -> _Read:
        return {name: typed.get(name, "").strip()}, ()

    return read_words


def _edit(place: Place, typed: Typed) -> _Read:
    filled = arguments_field(place, typed)
    if not filled.faults and filled.value == place.request.action.arguments and _same_types(place, filled.value):
        return {}, (Fault("arguments", "are as they were: nothing was changed; approve it as it is"),)
    return {"arguments": filled.value}, filled.faults


def _same_types(place: Place, value: Any) -> bool:
    return repr(value) == repr(place.request.action.arguments)


def _accept(place: Place, typed: Typed) -> _Read:
    number = typed.get("version", "")
    if not place.draft or not number:
        return {}, ()
    found = next((each for each in place.draft if str(each.number) == number), None)
    if found is None:
        return {}, (Fault("version", f"{number!r} is none of this draft; load the page anew"),)
    return {"version": found.number, "arguments": found.arguments}, ()


def _answer(place: Place, typed: Typed) -> _Read:
    filled = answer_field(place.request, typed)
    missing = (Fault("value", "is empty; say something"),) if filled.value is ABSENT and not filled.faults else ()
    return {"value": None if missing else filled.value}, filled.faults or missing


def _report(place: Place, typed: Typed) -> _Read:
    outcome = typed.get("outcome", "")
    if outcome not in OUTCOMES:
        return {}, (Fault("outcome", "is not said: done, partly, or not done"),)
    filled = answer_field(place.request, typed, name="result")
    result = None if filled.value is ABSENT or filled.value == "" or outcome == "not_done" else filled.value
    note = typed.get("note", "").strip()
    return {"outcome": outcome, "result": result, "note": note}, () if outcome == "not_done" else filled.faults


def _choose(place: Place, typed: Typed) -> _Read:
    option = typed.get("option", "")
    return {"option": option}, () if option else (Fault("option", "is not chosen"),)


def _take_over(place: Place, typed: Typed) -> _Read:
    """Words, and before them what was heard meanwhile: an empty line ends what was said at once."""
    text, heard = (typed.get(name, "").strip() for name in ("text", "heard"))
    return {"text": text, "heard": re.split(r"\n\s*\n", heard) if heard else ()}, ()


def _hand_back(place: Place, typed: Typed) -> _Read:
    said, faults = _take_over(place, typed)
    return {**said, "to": typed.get("to") or None}, faults


def _delegate(place: Place, typed: Typed) -> _Read:
    to = typed.get("to", "").strip()
    return {"to": to}, () if to else (Fault("to", "is empty; say who shall decide"),)


def _cancel(place: Place, typed: Typed) -> _Read:
    sure = () if typed.get("sure") else (Fault("sure", "is not ticked: it ends the whole run"),)
    return {"reason": typed.get("reason", "").strip()}, sure


_READERS: Final[dict[str, Callable[[Place, Typed], _Read]]] = {
    Reply.APPROVE: _nothing,
    Reply.EDIT: _edit,
    Reply.REJECT: _words("message"),
    Reply.ANSWER: _answer,
    Reply.REPORT: _report,
    Reply.CHOOSE: _choose,
    Reply.ACCEPT: _accept,
    Reply.REVISE: _words("feedback"),
    Reply.ASK: _words("question"),
    Reply.DELEGATE: _delegate,
    Reply.TAKE_OVER: _take_over,
    Reply.HAND_BACK: _hand_back,
    Reply.CANCEL: _cancel,
}
