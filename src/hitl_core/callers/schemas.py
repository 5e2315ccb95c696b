"""What may be sent back for a request, as a JSON Schema. Pure: made of what the request allows, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..protocol import OUTCOMES, Json, PauseRequest, Reply

Schema = dict[str, Json]

TEXT: Final[Schema] = {"type": "string"}


def schema_of(request: PauseRequest) -> Schema:
    """The schema of an answer to this request; what it does not offer is not in it."""
    decisions: list[Json] = [_decision(reply, request) for reply in request.allowed]
    properties: Schema = {
        "request": {"const": request.id},
        "digest": {"const": request.digest},
        "decision": {"oneOf": decisions},
        "reason": TEXT,
    }
    return object_schema(properties, "request", "digest", "decision")


def _decision(reply: Reply, request: PauseRequest) -> Schema:
    properties, required = _FIELDS[reply](request)
    return object_schema({"type": {"const": reply.value}, **properties}, "type", *required)


def object_schema(properties: Schema, *required: str, closed: bool = True) -> Schema:
    """An object with these properties; where it is `closed`, with no others."""
    made: Schema = {"type": "object", "properties": properties, "required": list[Json](required)}
    return {**made, "additionalProperties": False} if closed else made


def _edit(request: PauseRequest) -> tuple[Schema, tuple[str, ...]]:
    arguments: Json = request.arguments_schema or {"type": "object"}
    return {"arguments": arguments}, ("arguments",)


def _answer(request: PauseRequest) -> tuple[Schema, tuple[str, ...]]:
    return {"value": request.answer_schema or TEXT}, ("value",)


def _report(request: PauseRequest) -> tuple[Schema, tuple[str, ...]]:
    result: Json = request.answer_schema or {}
    return {"outcome": {"enum": list[Json](OUTCOMES)}, "result": result, "note": TEXT}, ("outcome",)


def _choose(request: PauseRequest) -> tuple[Schema, tuple[str, ...]]:
    options: list[Json] = [each.id for each in request.options]
    return {"option": {"enum": options}}, ("option",)


def _accept(request: PauseRequest) -> tuple[Schema, tuple[str, ...]]:
    version: Schema = {"version": {"type": "integer", "minimum": 1}, "arguments": {"type": "object"}}
    return (version if request.draft else {}), ()


def _speaks(request: PauseRequest) -> tuple[Schema, tuple[str, ...]]:
    return {"text": TEXT, "heard": {"type": "array", "items": TEXT}}, ()


def _hands_back(request: PauseRequest) -> tuple[Schema, tuple[str, ...]]:
    to: Json = {"enum": [each.id for each in request.options]} if request.options else TEXT
    return {"text": TEXT, "to": to}, ()


def _says(name: str, *, needed: bool = False) -> Callable[[PauseRequest], tuple[Schema, tuple[str, ...]]]:
    return lambda _: ({name: TEXT}, (name,) if needed else ())


_FIELDS: Final[dict[Reply, Callable[[PauseRequest], tuple[Schema, tuple[str, ...]]]]] = {
    Reply.APPROVE: lambda _: ({}, ()),
    Reply.EDIT: _edit,
    Reply.REJECT: _says("message"),
    Reply.ANSWER: _answer,
    Reply.REPORT: _report,
    Reply.CHOOSE: _choose,
    Reply.ACCEPT: _accept,
    Reply.REVISE: _says("feedback", needed=True),
    Reply.ASK: _says("question", needed=True),
    Reply.DELEGATE: _says("to", needed=True),
    Reply.TAKE_OVER: _speaks,
    Reply.HAND_BACK: _hands_back,
    Reply.CANCEL: _says("reason"),
}
