"""What each key asks for, and the decision that is made of what was typed. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar, cast

from ...errors import Fault, NotCanonical
from ...policy import parse_duration
from ...protocol import Arguments, Decision, Json, PauseRequest, Reply, decision_of, parse
from ..terminal.editing import typed, types_of

T = TypeVar("T")

KEYS: Final[Mapping[Reply, str]] = {
    Reply.APPROVE: "a",
    Reply.ACCEPT: "t",
    Reply.EDIT: "e",
    Reply.REJECT: "r",
    Reply.ANSWER: "w",
    Reply.REPORT: "p",
    Reply.REVISE: "s",
    Reply.ASK: "?",
    Reply.TAKE_OVER: "o",
    Reply.HAND_BACK: "b",
    Reply.DELEGATE: "d",
    Reply.CANCEL: "x",
}
"""One key for each decision, in the terminal and on the web alike; options have the digits."""

WHOLE: Final = "*"
"""The name of a field that stands for the whole value."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked for. `types` are the JSON types that fit, empty for words; of `choices` one is picked."""

    name: str
    label: str
    value: str = ""
    types: frozenset[str] = frozenset()
    choices: tuple[str, ...] = ()
    absent: bool = False
    """Whether it is left out while nothing is typed."""


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """What is asked for, and what is made of what was typed. `make` raises FieldFaults."""

    title: str
    fields: tuple[Field, ...]
    make: Callable[[Mapping[str, str]], T]
    danger: bool = False


class FieldFaults(Exception):
    """What is wrong with what was typed, by the name of the field."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def form_for(reply: Reply, request: PauseRequest, draft: Arguments | None = None) -> Form[Decision] | None:
    """What a decision still needs; None for one that the key alone says. `draft` are the newest arguments of one."""
    match reply:
        case Reply.EDIT:
            return _edit(request, request.action.arguments if draft is None else draft)
        case Reply.ANSWER:
            fields = value_fields(request.answer_schema, "Your answer")
            return Form("Answer", fields, lambda said: _made(type=reply, value=value_of(fields, said)))
        case Reply.REPORT:
            return _report(request)
        case _ if reply in _LINES:
            title, key, label, danger = _LINES[reply]
            line = Field(key, label)
            return Form(title, (line,), lambda said: _made(type=reply, **{key: said[key]}), danger)
        case _:
            return None


_LINES: Final[Mapping[Reply, tuple[str, str, str, bool]]] = {
    Reply.REJECT: ("Reject", "message", "Why? The agent is told.", False),
    Reply.REVISE: ("Send back", "feedback", "What should change", False),
    Reply.ASK: ("Ask the agent first", "question", "What do you want to know", False),
    Reply.TAKE_OVER: ("Speak in the agent's place", "text", "What you say; you keep the floor", False),
    Reply.HAND_BACK: ("Hand the conversation back", "text", "Your last words (may be empty)", False),
    Reply.DELEGATE: ("Give on", "to", "Who shall decide", False),
    Reply.CANCEL: ("End the run", "reason", "Why? Nothing that waits in it will run.", True),
}


def _edit(request: PauseRequest, arguments: Arguments) -> Form[Decision]:
    fields = argument_fields(request.arguments_schema, arguments)

    def make(said: Mapping[str, str]) -> Decision:
        return _made(type=Reply.EDIT, arguments=cast("Any", value_of(fields, said)))

    return Form("Edit, then run", fields, make)


def _report(request: PauseRequest) -> Form[Decision]:
    outcome = Field("outcome", "What came of it", "done", choices=("done", "partly", "not_done"))
    results = value_fields(request.answer_schema, "Result: what the agent is told that the tool has said")
    note = Field("note", "What the agent is to know (may be empty)")

    def make(said: Mapping[str, str]) -> Decision:
        nothing = said["outcome"] == "not_done" or not any(said[field.name].strip() for field in results)
        result = None if nothing else value_of(results, said)
        return _made(type=Reply.REPORT, outcome=said["outcome"], result=result, note=said["note"])

    return Form("Report what you did", (outcome, *results, note), make)


def _put_off(said: Mapping[str, str]) -> timedelta:
    try:
        return parse_duration(said["for"])
    except ValueError as exc:
        raise FieldFaults([Fault("for", str(exc))]) from exc


PUT_OFF: Final = Form("Put off", (Field("for", "For how long, such as 30m, 4h or 2d", "1h"),), _put_off)
COMMENT: Final = Form("Comment", (Field("text", "What others are to know; it is no vote"),), lambda said: said["text"])
"""What decides nothing."""


def _made(**said: Json) -> Decision:
    try:
        return decision_of(said)
    except ValueError as exc:  # pydantic's, which says where
        errors: list[Any] = getattr(exc, "errors", list)()
        raise FieldFaults([Fault(str(each["loc"][-1]), each["msg"]) for each in errors]) from exc


# ── values by their schema ───────────────────────────────────────────────────────────────────────────────────


def argument_fields(schema: Mapping[str, Json] | None, arguments: Arguments) -> tuple[Field, ...]:
    """A field for each argument; without a schema that names them, one for all, as JSON."""
    properties = schema.get("properties") if schema else None
    if not isinstance(properties, dict) or not properties:
        return (Field(WHOLE, "Arguments (JSON)", text_of(arguments), frozenset({"object"})),)
    names = dict.fromkeys((*properties, *arguments))
    return tuple(_field(name, properties.get(name), arguments) for name in names)


def value_fields(schema: Mapping[str, Json] | None, label: str) -> tuple[Field, ...]:
    """The fields of an answer or a result."""
    if schema and isinstance(schema.get("properties"), dict):
        return argument_fields(schema, {})
    return (Field(WHOLE, label, types=frozenset(types_of(schema or {"type": "string"}))),)


def _field(name: str, schema: Json, arguments: Arguments) -> Field:
    """`value` is text where only text fits, else JSON, so that its type stays what it is."""
    known = schema if isinstance(schema, dict) else {}
    present = arguments.get(name)
    types = frozenset(types_of(known, present))
    listed = known.get("enum")
    choices = tuple(text_of(each) for each in listed) if isinstance(listed, list) else ()
    value = "" if name not in arguments else text_of(present)
    return Field(name, name, value, types, choices, absent=name not in arguments)


def text_of(value: Json) -> str:
    """A value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def value_of(fields: tuple[Field, ...], said: Mapping[str, str]) -> Json:
    """What was typed, with its types. Raises FieldFaults with everything that does not fit."""
    made: Arguments = {}
    faults: list[Fault] = []
    for field in fields:
        text = said[field.name]
        if field.absent and not text:
            continue
        try:
            made[field.name] = _value(field, text)
        except NotCanonical:
            faults.append(Fault(field.name, f"is not {' or '.join(sorted(field.types)) or 'JSON'}"))
    if faults:
        raise FieldFaults(faults)
    return made.get(WHOLE, made)


def _value(field: Field, text: str) -> Json:
    """Text where text fits and nothing else was there; else what it says as JSON."""
    if field.types == {"text"}:
        return text
    if field.types == {"object"} or not field.types:
        return parse(text, what=field.label)
    return typed(text, set(field.types))
