"""A model's tool call as a proposal: the action, its place in the run, and how its request looks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.prebuilt.tool_node import ToolCallRequest
from pydantic import BaseModel, ValidationError

from hitl_core.gate import Form
from hitl_core.protocol import Action, Arguments, Json, Kind, Option, Origin, canonical, sha256
from hitl_core.tools import Tool, refusal_of

from .messages import refused
from .ungated import DELEGATES

_ID_LENGTH: Final = 100


def place_of(request: ToolCallRequest) -> str:
    """The place of a tool call: the task it runs in and the model's call id, stable over restarts.

    Some local models use the same ids at every turn; the task tells those apart.
    """
    return f"{_namespace(request)}/{_short_id(request)}"


def twin_of(request: ToolCallRequest) -> str | None:
    """What tells a call from others of its message that have the same id: the id and what it calls; None if the id is
    its own. Calls that are equal in all of it can only be counted."""
    called = request.tool_call
    if sum(call["id"] == called["id"] for call in _beside(request.state)) < 2:
        return None
    what = json.dumps([called["name"], called["args"]], sort_keys=True, default=str)
    return f"{_short_id(request)}~{sha256(what.encode())[-12:]}"


def _short_id(request: ToolCallRequest) -> str:
    return made_as(request.tool_call)


def made_as(call: ToolCall) -> str:
    """The model's id of a call as a part of its place."""
    name = str(call["id"])
    return name if len(name) <= _ID_LENGTH else sha256(name.encode())


def _beside(state: Any) -> list[Any]:
    """The tool calls of the message that a ToolNode carries out."""
    said = messages_of(state)
    return list(said[-1].tool_calls) if said else []


def messages_of(state: Any) -> list[AIMessage]:
    """What the model has said up to the message that a ToolNode carries out, under whatever key the state has it."""
    values = state.values() if isinstance(state, dict) else [state] if isinstance(state, list) else vars(state).values()
    for messages in values:
        said = [each for each in messages if isinstance(each, AIMessage)] if isinstance(messages, list) else []
        while said and not said[-1].tool_calls:
            said.pop()
        if said:
            return said
    return []


def _namespace(request: ToolCallRequest) -> str:
    return str(request.runtime.config.get("configurable", {}).get("checkpoint_ns", ""))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A call as the gate sees it."""

    action: Action
    call: str
    form: Form


def lineage(namespace: str, agent: str | None = None) -> tuple[str, ...]:
    """The nodes from the root graph down to the one that acts: `sub:<task>|tools:<task>` → ("sub", "tools"); before the
    last the agent whose node that is, where it has a name."""
    nodes = tuple(part.partition(":")[0] for part in namespace.split("|") if part)
    return (*nodes[:-1], agent, *nodes[-1:]) if agent else nodes


def proposal_of(request: ToolCallRequest, neutral: Tool | None, place: str, agent: str | None) -> Proposal:
    """A tool call as a proposal; `neutral` is its tool if we know it. Raises RecordError for arguments without a single
    JSON form."""
    call = request.tool_call
    action = Action(
        tool=call["name"],
        arguments=cast("Arguments", call["args"]),
        definition=neutral.definition if neutral else definition_of(request.tool),
        origin=Origin(agent=agent, path=lineage(_namespace(request), agent)),
    )
    return Proposal(action, place, form_of(neutral, request.tool, action))


def delegates(request: ToolCallRequest) -> bool:
    """Whether the tool only hands work to a sub-agent."""
    return bool(request.tool is not None and (request.tool.metadata or {}).get(DELEGATES))


def form_of(neutral: Tool | None, native: BaseTool | None, action: Action) -> Form:
    """How the request of a tool call looks."""
    if neutral is None:
        return Form(arguments_schema=schema_of(native))
    if neutral.kind is Kind.APPROVAL:
        return Form(arguments_schema=neutral.schema)
    title = action.arguments.get("question")
    return Form(
        kind=neutral.kind,
        title=title if isinstance(title, str) else neutral.description,
        options=neutral.options or offered(action.arguments.get("options")),
    )


def offered(options: Json) -> tuple[Option, ...]:
    """The options that an agent made up itself."""
    return tuple(Option(id=str(option)) for option in options) if isinstance(options, list) else ()


def schema_of(native: BaseTool | None) -> dict[str, Json] | None:
    """JSON Schema of a LangChain tool's arguments as the model sees them, or None if it has none."""
    if native is None:
        return None
    schema = native.tool_call_schema
    if isinstance(schema, dict):
        return cast("dict[str, Json]", schema)
    return cast("dict[str, Json]", schema.model_json_schema()) if issubclass(schema, BaseModel) else None


def definition_of(native: BaseTool | None) -> str | None:
    """Digest of a LangChain tool's definition: changes when the tool is redefined."""
    if native is None:
        return None
    return sha256(canonical({"name": native.name, "description": native.description, "schema": schema_of(native)}))


def client_fault(request: ToolCallRequest, client: Tool) -> ToolMessage | None:
    """The same for a client tool, which the graph does not have."""
    try:
        client.typed(cast("Arguments", request.tool_call["args"]))
    except ValidationError as exc:
        return refused(request, refusal_of(exc))
    return None


def argument_fault(request: ToolCallRequest) -> ToolMessage | None:
    """The error message for arguments that the tool would not take: nobody is asked about such a call."""
    schema = schema_of(request.tool)
    if request.tool is None:
        return refused(request, f"There is no tool {request.tool_call['name']!r}; nothing was run.")
    model = request.tool.tool_call_schema
    if schema is None or isinstance(model, dict) or not issubclass(model, BaseModel):
        return None
    try:
        model.model_validate(request.tool_call["args"])
    except ValidationError as exc:
        return refused(request, refusal_of(exc))
    return None
