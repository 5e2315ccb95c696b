"""A model's tool call as an action and the form of its request. Pure."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn, cast

from hitl_core.gate import Form
from hitl_core.protocol import Action, Arguments, Json, Kind, Option, Origin, Reply, canonical, sha256
from hitl_core.tools import Tool, as_json

DECISION_ONLY: Final = (Reply.APPROVE, Reply.REJECT, Reply.CANCEL)
"""What can be said about a call whose arguments and result nobody but its provider handles."""

_ID_LENGTH: Final = 100


class CallFault(ValueError):
    """The arguments of a call are no JSON object, so nobody is asked about it and the model is told."""


def bounded(call_id: str) -> str:
    """A call id as a part of a place."""
    return call_id if len(call_id) <= _ID_LENGTH else sha256(call_id.encode())


def read_arguments(text: str | None) -> Arguments:
    """The arguments as the model wrote them. Raises CallFault."""
    if text is None or not text.strip():
        return {}
    try:
        read = json.loads(text, parse_constant=_no_number, object_pairs_hook=_each_once)
    except ValueError as exc:
        raise CallFault(f"the arguments are not JSON: {exc}") from exc
    if not isinstance(read, dict):
        raise CallFault("the arguments are not a JSON object")
    return cast("Arguments", read)


def action_of(tool: str, arguments: Arguments, *, definition: str | None, path: tuple[str, ...]) -> Action:
    origin = Origin(agent=path[-1] if path else None, path=path)
    return Action(tool=tool, arguments=arguments, definition=definition, origin=origin)


def definition_of(name: str, description: str, schema: dict[str, Any]) -> str:
    """Digest of a native tool's definition: changes when the tool is redefined."""
    return sha256(canonical({"name": name, "description": description, "schema": as_json(schema)}))


def editable(schema: dict[str, Any] | None, arguments: Arguments) -> dict[str, Json] | None:
    """The schema that an edit is checked against.

    The SDK's strict form requires every parameter, those with a default too; an edit may leave out what the call did.
    """
    if schema is None:
        return None
    required = [name for name in schema.get("required", ()) if name in arguments]
    return cast("dict[str, Json]", {**schema, "required": required})


def form_of(neutral: Tool | None, schema: dict[str, Any] | None, arguments: Arguments) -> Form:
    """How the request of a tool call looks."""
    if neutral is None:
        return Form(arguments_schema=editable(schema, arguments))
    if neutral.kind is Kind.APPROVAL:
        return Form(arguments_schema=neutral.schema)
    title = arguments.get("question")
    return Form(
        kind=neutral.kind,
        title=title if isinstance(title, str) else neutral.description,
        options=neutral.options or _offered(arguments.get("options")),
    )


def _offered(options: Json) -> tuple[Option, ...]:
    """The options that an agent made up itself."""
    return tuple(Option(id=str(option)) for option in options) if isinstance(options, list) else ()


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError("a name is given twice")
    return dict(pairs)
