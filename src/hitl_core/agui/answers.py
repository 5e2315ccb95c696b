"""What a page is asked to send back for a request, and what it has sent, as a decision. Pure.

Each kind of request has one short form, an object; `{"decision": {…}}` is understood for all of them, and holds any
decision of the protocol. What is not understood is refused with every fault, and never read as consent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import ValidationError

from ..callers.schemas import TEXT, Schema, object_schema
from ..errors import Fault, ResponseRefused
from ..protocol import OUTCOMES, Decision, Json, PauseRequest, Reply, decision_of
from ..wire import validation_faults

BOOLEAN: Final[Schema] = {"type": "boolean"}
TYPED: Final = "decision"
"""The key of an answer that says which decision of the protocol it is."""
ABANDONED: Final = "dismissed on the page"


def answer_schema(request: PauseRequest) -> Schema:
    """JSON Schema of the short form of an answer to this request: always an object."""
    return _form_of(request).schema(request)


def decision_in(request: PauseRequest, payload: Json) -> Decision:
    """The decision that a page's answer stands for. Raises ResponseRefused with every fault; nothing is decided then.

    That it is offered, fits the request's schemas and comes from somebody who may decide is for `hitl.respond`.
    """
    if isinstance(payload, dict) and isinstance(payload.get(TYPED), dict):
        return _decision(cast("dict[str, Json]", payload[TYPED]))
    return _decision(_form_of(request).read(request, payload))


def abandoned(request: PauseRequest) -> Decision:
    """What it means that a person has closed the question unanswered: nothing runs.

    Raises ResponseRefused where neither a refusal nor an end of the run is offered.
    """
    if Reply.REJECT in request.allowed:
        return _decision({"type": Reply.REJECT, "message": ABANDONED})
    if Reply.CANCEL in request.allowed:
        return _decision({"type": Reply.CANCEL, "reason": ABANDONED})
    offered = ", ".join(request.allowed)
    raise ResponseRefused([Fault("", f"cannot be dismissed; answer it with one of: {offered}")])


# ── the short forms ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Form:
    schema: Callable[[PauseRequest], Schema]
    read: Callable[[PauseRequest, Json], Mapping[str, Json]]


def _form_of(request: PauseRequest) -> _Form:
    """By what is offered, in the order of how much an answer says."""
    offered = (form for reply, form in _FORMS if reply in request.allowed)
    return next(offered, _REFUSABLE)


def _consent_schema(request: PauseRequest) -> Schema:
    arguments = request.arguments_schema or {"type": "object"}
    properties: Schema = {"approved": BOOLEAN, "reason": TEXT}
    if Reply.EDIT in request.allowed:
        properties["editedArgs"] = arguments
    if request.draft is not None:
        properties |= {"feedback": TEXT, "version": {"type": "integer"}, "arguments": arguments}
    return object_schema(properties, "approved")


def _consent(request: PauseRequest, payload: Json) -> Mapping[str, Json]:
    drafts: Mapping[str, type] = {} if request.draft is None else _OF_A_DRAFT
    given = _given(payload, "approved", {"editedArgs": dict, "reason": str, **drafts}, bool)
    if not given["approved"]:
        return _refusal(given)
    if given.get("feedback"):
        raise ResponseRefused([Fault("feedback", "sends the draft back, and this approves it: say one of the two")])
    if "version" in given:
        return {"type": Reply.ACCEPT, "version": given["version"], "arguments": given.get("arguments")}
    if "editedArgs" in given:
        return {"type": Reply.EDIT, "arguments": given["editedArgs"]}
    return {"type": Reply.APPROVE}


_OF_A_DRAFT: Final = {"feedback": str, "version": int, "arguments": dict}
"""What an answer to a shared draft may have besides: what is to be done otherwise, or which version is taken."""


def _refusal(given: Mapping[str, Any]) -> Mapping[str, Json]:
    if given.get("feedback"):
        return {"type": Reply.REVISE, "feedback": given["feedback"]}
    return {"type": Reply.REJECT, "message": given.get("reason", "")}


def _report_schema(request: PauseRequest) -> Schema:
    outcome: Json = {"enum": list[Json](OUTCOMES)}
    properties: Schema = {"outcome": outcome, "result": request.answer_schema or {}, "note": TEXT}
    return object_schema(properties, "outcome")


def _report(request: PauseRequest, payload: Json) -> Mapping[str, Json]:
    given = _given(payload, "outcome", {"result": object, "note": str}, str)
    return {"type": Reply.REPORT, **given}


def _choice_schema(request: PauseRequest) -> Schema:
    return object_schema({"option": {"enum": [each.id for each in request.options]}}, "option")


def _choice(request: PauseRequest, payload: Json) -> Mapping[str, Json]:
    if isinstance(payload, str):
        return {"type": Reply.CHOOSE, "option": payload}
    return {"type": Reply.CHOOSE, **_given(payload, "option", {}, str)}


def _review_schema(request: PauseRequest) -> Schema:
    return object_schema({"accepted": BOOLEAN, "feedback": TEXT}, "accepted")


def _review(request: PauseRequest, payload: Json) -> Mapping[str, Json]:
    given = _given(payload, "accepted", {"feedback": str}, bool)
    if given["accepted"]:
        return {"type": Reply.ACCEPT}
    if Reply.REVISE not in request.allowed:
        return {"type": Reply.REJECT, "message": given.get("feedback", "")}
    if not given.get("feedback"):
        raise ResponseRefused([Fault("feedback", "says what is to be done otherwise; the agent works it in")])
    return {"type": Reply.REVISE, "feedback": given["feedback"]}


def _turn_schema(request: PauseRequest) -> Schema:
    return object_schema({"text": TEXT, "then": {"enum": list(_THEN)}}, "text")


def _turn(request: PauseRequest, payload: Json) -> Mapping[str, Json]:
    if isinstance(payload, str):
        return {"type": Reply.TAKE_OVER, "text": payload}
    given = _given(payload, "text", {"then": str}, str)
    then = str(given.get("then", "go_on"))
    if then not in _THEN:
        raise ResponseRefused([Fault("then", f"is {then!r}; it is one of {', '.join(_THEN)}")])
    if _THEN[then] is Reply.ANSWER:
        return {"type": Reply.ANSWER, "value": given["text"]}
    return {"type": _THEN[then], "text": given["text"]}


_THEN: Final = {"go_on": Reply.TAKE_OVER, "hand_back": Reply.HAND_BACK, "finish": Reply.ANSWER}
"""What becomes of a conversation that a person has taken: it stays theirs, or goes back to the agent, or is over."""


def _words_schema(request: PauseRequest) -> Schema:
    """An answer that is an object is sent as it is; any other has a key of its own."""
    schema = request.answer_schema
    if schema is not None and schema.get("type") == "object":
        return schema
    return object_schema({"answer": TEXT if schema is None else schema}, "answer")


def _words(request: PauseRequest, payload: Json) -> Mapping[str, Json]:
    schema = request.answer_schema
    whole = schema is not None and schema.get("type") == "object"
    if not whole and isinstance(payload, dict) and set(payload) == {"answer"}:
        payload = payload["answer"]
    return {"type": Reply.ANSWER, "value": payload}


def _refusal_schema(request: PauseRequest) -> Schema:
    return object_schema({"approved": {"const": False}, "reason": TEXT}, "approved")


_FORMS: Final[tuple[tuple[Reply, _Form], ...]] = (
    (Reply.APPROVE, _Form(_consent_schema, _consent)),
    (Reply.REPORT, _Form(_report_schema, _report)),
    (Reply.CHOOSE, _Form(_choice_schema, _choice)),
    (Reply.ACCEPT, _Form(_review_schema, _review)),
    (Reply.TAKE_OVER, _Form(_turn_schema, _turn)),
    (Reply.ANSWER, _Form(_words_schema, _words)),
)
_REFUSABLE: Final = _Form(_refusal_schema, _consent)
"""Of what can only be refused, or vetoed."""


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────


def _given(payload: Json, needed: str, others: Mapping[str, type], of: type) -> dict[str, Any]:
    """The fields of a payload that has this one and may have others, each of its type. Raises ResponseRefused."""
    types = {needed: of, **others}
    if not isinstance(payload, dict):
        raise ResponseRefused([Fault("", f"is no object; send {{{needed!r}: …}}")])
    faults = [Fault(name, f"is not understood; known are {', '.join(types)}") for name in payload if name not in types]
    faults += [
        Fault(name, f"is {value!r}, and has to be {_NAMES[types[name]]}")
        for name, value in payload.items()
        if name in types and not _is_a(value, types[name])
    ]
    if needed not in payload:
        faults.append(Fault(needed, "is missing"))
    if faults:
        raise ResponseRefused(faults)
    return dict(payload)


_NAMES: Final = {bool: "true or false", str: "text", int: "a whole number", dict: "an object"}


def _is_a(value: Json, wanted: type) -> bool:
    return isinstance(value, wanted) and (wanted is not int or not isinstance(value, bool))


def _decision(given: Mapping[str, Json]) -> Decision:
    try:
        return decision_of(dict(given))
    except ValidationError as exc:
        raise ResponseRefused(validation_faults(exc.errors(), below=1)) from exc
