"""A request as a flat form, as MCP elicits them, and what was filled in as a decision. Pure.

Elicited values are texts, numbers, yes or no, and one of some texts. What does not fit into that is decided elsewhere.
An answer to a question is one field; a decision on an action is chosen by its name, so that no text is ever consent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from pydantic import ValidationError

from ..callers.schemas import object_schema
from ..checks import schema_faults
from ..errors import Fault, NotUnderstood
from ..protocol import OUTCOMES, Answer, Choose, Decision, Json, Kind, PauseRequest, Reject, Reply, decision_of

Form = dict[str, Json]

PLAIN: Final = {"string": str, "number": (int, float), "integer": int, "boolean": bool}
KEPT: Final = (
    *("type", "enum", "minimum", "maximum", "minLength", "maxLength", "default", "title", "description"),
    "format",
)
"""What of a schema a form may have (the spec's PrimitiveSchemaDefinition)."""
FORMATS: Final = ("email", "uri", "date", "date-time")
ARGUMENT: Final = "arguments."
_TEXT_IS: Final = {
    Reply.REJECT: "message",
    Reply.REVISE: "feedback",
    Reply.ASK: "question",
    Reply.ANSWER: "value",
    Reply.TAKE_OVER: "text",
    Reply.HAND_BACK: "text",
    Reply.REPORT: "note",
    Reply.CANCEL: "reason",
}
"""What the field `text` is in each decision that has words."""


def form_of(request: PauseRequest, offered: Collection[Reply]) -> Form | None:
    """The form for a request with these decisions in it; None where a flat form cannot ask for any of them."""
    if request.kind is Kind.INPUT and Reply.ANSWER in offered:
        return _question(request)
    if request.options and Reply.CHOOSE in offered:
        options: list[Json] = [each.id for each in request.options]
        return _form({"option": {"type": "string", "enum": options, "title": "Your choice"}}, "option")
    return _decision(request, [reply for reply in request.allowed if reply in offered and _is_flat(reply, request)])


def decision_in(request: PauseRequest, offered: Collection[Reply], content: Mapping[str, Any] | None) -> Decision:
    """What was filled in. Raises NotUnderstood with every fault: then nothing is decided."""
    form = form_of(request, offered)
    filled = dict(content or {})
    if form is None:
        raise NotUnderstood([Fault("", "this request is not answered by a form")])
    if faults := schema_faults(form, filled, "form"):
        raise NotUnderstood(faults)
    if "decision" in _fields(form):
        return _made(request, filled)
    if "option" in filled:
        return Choose(option=filled["option"])
    return Answer(value=filled["answer"] if "answer" in _fields(form) else filled)


def declined(request: PauseRequest) -> Decision | None:
    """What it means that somebody declines: a refusal, where one can be said; else nothing is decided."""
    return Reject(message="declined") if Reply.REJECT in request.allowed else None


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _question(request: PauseRequest) -> Form | None:
    schema = request.answer_schema
    if schema is None:
        return _form({"answer": {"type": "string", "title": "Your answer"}}, "answer")
    if plain := _plain(schema):
        return _form({"answer": plain}, "answer")
    return _group(schema)


def _group(schema: Mapping[str, Json]) -> Form | None:
    """An object of plain values as it is; None for any other."""
    properties, required = schema.get("properties"), schema.get("required", [])
    if schema.get("type") != "object" or not isinstance(properties, dict) or not properties:
        return None
    made = {name: _plain(each) if isinstance(each, dict) else None for name, each in properties.items()}
    if not isinstance(required, list) or not all(made.values()) or {"option", "decision", "answer"} & made.keys():
        return None
    return _form({name: each for name, each in made.items() if each}, *(str(name) for name in required))


def _plain(schema: Mapping[str, Json]) -> Form | None:
    """The schema of one value as a form may have it; None for what is no plain value, or has conditions beside."""
    if schema.get("type") not in PLAIN or "$ref" in schema:
        return None
    made: Form = {name: each for name, each in schema.items() if name in KEPT and each is not None}
    if made.get("format") not in FORMATS:
        made.pop("format", None)
    enum = schema.get("enum")
    texts = isinstance(enum, list) and made["type"] == "string" and all(isinstance(each, str) for each in enum)
    return made if enum is None or texts else None


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _decision(request: PauseRequest, replies: list[Reply]) -> Form | None:
    if not replies:
        return None
    names: list[Json] = [reply.value for reply in replies]
    fields: Form = {"decision": {"type": "string", "enum": names, "title": "Your decision"}}
    if any(reply in _TEXT_IS for reply in replies):
        fields["text"] = {"type": "string", "title": "What to tell the agent", "description": _words(replies)}
    if Reply.REPORT in replies:
        fields["outcome"] = {"type": "string", "enum": list[Json](OUTCOMES), "title": "What came of it"}
        fields["result"] = _plain(request.answer_schema or {"type": "string"}) or {"type": "string"}
    if Reply.DELEGATE in replies or Reply.HAND_BACK in replies:
        fields["to"] = {"type": "string", "title": "To whom"}
    if Reply.EDIT in replies:
        fields |= {f"{ARGUMENT}{name}": _argument(request, name, value) for name, value in _editable(request).items()}
    return _form(fields, "decision")


def _words(replies: list[Reply]) -> str:
    return "; ".join(f"{reply.value}: its {_TEXT_IS[reply]}" for reply in replies if reply in _TEXT_IS)


def _argument(request: PauseRequest, name: str, value: Json) -> Form:
    """The field for an argument: as the tool's own schema has it, or else of the kind that its value is of."""
    properties = (request.arguments_schema or {}).get("properties")
    schema = properties.get(name) if isinstance(properties, dict) else None
    plain = _plain(schema) if isinstance(schema, dict) else None
    return {**(plain or {"type": _kind_of(value)}), "title": name, "default": value}


def _kind_of(value: Json) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return "string"


def _editable(request: PauseRequest) -> dict[str, Json]:
    """The arguments that a flat form can change; the others stay as they are."""
    arguments = request.action.arguments
    return {name: value for name, value in arguments.items() if isinstance(value, str | int | float | bool)}


def _is_flat(reply: Reply, request: PauseRequest) -> bool:
    schema = request.answer_schema
    match reply:
        case Reply.CHOOSE:
            return False
        case Reply.ANSWER:
            return schema is None or schema.get("type") == "string"
        case Reply.REPORT:
            return schema is None or _plain(schema) is not None
        case Reply.EDIT:
            return bool(_editable(request))
        case _:
            return True


def _made(request: PauseRequest, filled: dict[str, Any]) -> Decision:
    reply = Reply(filled["decision"])
    changed = {
        name: filled[f"{ARGUMENT}{name}"]
        for name, value in _editable(request).items()
        if f"{ARGUMENT}{name}" in filled and filled[f"{ARGUMENT}{name}"] != value
    }
    if changed and reply is not Reply.EDIT:
        faults = [Fault(f"{ARGUMENT}{name}", f"was changed; choose {Reply.EDIT.value!r} for that") for name in changed]
        raise NotUnderstood(faults)
    said: dict[str, Any] = {"type": reply.value}
    if reply is Reply.EDIT:
        said["arguments"] = {**request.action.arguments, **changed}
    if reply in _TEXT_IS and "text" in filled:
        said[_TEXT_IS[reply]] = filled["text"]
    said |= {name: filled[name] for name in _BESIDES.get(reply, ()) if filled.get(name) not in (None, "")}
    try:
        return decision_of(said)
    except ValidationError as exc:
        missing = _TEXT_IS.get(reply, "to")
        raise NotUnderstood([Fault("form", f"{reply.value!r} needs its {missing}")]) from exc


_BESIDES: Final = {Reply.REPORT: ("outcome", "result"), Reply.DELEGATE: ("to",), Reply.HAND_BACK: ("to",)}


def _form(properties: Form, *required: str) -> Form:
    return object_schema(properties, *required, closed=False)


def _fields(form: Form) -> Collection[str]:
    properties = form["properties"]
    assert isinstance(properties, dict)
    return properties.keys()
